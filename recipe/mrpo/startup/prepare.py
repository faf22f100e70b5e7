"""What happens to a run's configuration before anything is loaded: defaults filled in, mistakes refused.

Runs in the driver, right after Hydra has composed the configuration and before Ray starts.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mrpo.common.environment import METRICS_FILE, WEIGHT_SYNC_TIMEOUT_S
from recipe.mrpo.options.tree import ESTIMATORS, OPTIONS_FILE, OptionError, changed_options, load_options

logger = logging.getLogger(__name__)

REWARD_MANAGER = "mrpo"
VERL_DEFAULT_REWARD_MANAGER = "naive"
AGENT_LOOP = "single_turn_agent"
"""Where verl's file logger writes."""
ONE_RESPONSE = "MRPO's reward manager labels the steps of one response, which verl's single-turn agent loop makes"


def uses_mrpo(config: DictConfig) -> bool:
    """Does this run ask for anything of ours? Every other run is left exactly as it is."""
    return (
        str(OmegaConf.select(config, "algorithm.adv_estimator")) in ESTIMATORS
        or "mrpo" in config
        or OmegaConf.select(config, "reward.reward_manager.name") == REWARD_MANAGER
    )


def prepare(config: DictConfig) -> None:
    """Complete and check the configuration of an MRPO run in place; leave any other run alone.

    Fills `config.mrpo` with every option, turns verl's default reward manager into `mrpo` if the estimator needs it,
    and hands the weight-sync limit to the workers. Safe to call twice.

    Raises OptionError with one sentence that names the override to set.
    """
    if not uses_mrpo(config):
        return
    options = complete(config)
    _check_model_path(config)
    if config.reward.reward_manager.name == REWARD_MANAGER:
        private = check_rows(config.data, "train_files", reasoning_required=options.gold_reasoning == "required")
        private |= check_rows(config.data, "val_files", reasoning_required=False)
        check_judge(config, options, private_data=private)
        check_rewards(options)
    _bound_weight_sync(config, options.guards.weight_sync_timeout_s)
    changed = ", ".join(f"mrpo.{name}={value}" for name, value in changed_options(options).items())
    logger.warning("MRPO: %s; every other option has its default (%s).", changed or "no option set", OPTIONS_FILE.name)


def complete(config: DictConfig) -> DictConfig:
    """The part of `prepare` that looks at nothing but the configuration; returns the options.

    `mrpo.compose` (DRY_RUN=1) asks it too, on machines without data, checkpoint and judge.
    """
    options = load_options(config.get("mrpo"))
    with open_dict(config):
        config.mrpo = options
    _check_image_sizes(config)
    if str(config.algorithm.adv_estimator) in ESTIMATORS:
        _choose_reward_manager(config)
        _refuse_unsupported(config)
    elif config.algorithm.adv_estimator == "gdpo" and config.algorithm.use_kl_in_reward:
        raise OptionError(
            "GDPO normalises each reward by itself, and a KL penalty in the reward belongs to none of them; set "
            "algorithm.use_kl_in_reward=False (and actor_rollout_ref.actor.use_kl_loss=True)."
        )
    if config.reward.reward_manager.name == REWARD_MANAGER:
        _refuse_turns(config)
        _check_reward_model(config, options)
        check_skip(config, options)
    return options


def _check_model_path(config: DictConfig) -> None:
    """A name of the hub and the folder of that name look alike: only what can be nothing but a folder is looked for."""
    path = str(OmegaConf.select(config, "actor_rollout_ref.model.path"))
    if path.startswith(("/", ".", "~")) and not os.path.isdir(os.path.expanduser(path)):
        raise OptionError(
            f"there is no folder {path}; set actor_rollout_ref.model.path (MODEL_PATH of the example scripts) to a "
            "checkpoint or the name of one on the hub."
        )


def _choose_reward_manager(config: DictConfig) -> None:
    manager = config.reward.reward_manager
    if OmegaConf.select(config, "reward_model.reward_manager") is not None:
        raise OptionError(
            "reward_model.reward_manager is verl's old place for it, which its v1 trainers do not read; set "
            f"reward.reward_manager.name={REWARD_MANAGER} instead."
        )
    registered = manager.get("source", "register") == "register"
    if registered and manager.name == VERL_DEFAULT_REWARD_MANAGER:
        manager.name = REWARD_MANAGER
        logger.warning(
            "algorithm.adv_estimator=%s: reward.reward_manager.name was verl's default '%s' and is now '%s'.",
            config.algorithm.adv_estimator, VERL_DEFAULT_REWARD_MANAGER, REWARD_MANAGER,
        )  # fmt: skip
    elif manager.name != REWARD_MANAGER or not registered:
        raise OptionError(
            f"algorithm.adv_estimator={config.algorithm.adv_estimator} needs the step labels of its own reward "
            f"manager, not '{manager.name}'; set reward.reward_manager.name={REWARD_MANAGER}."
        )


def _refuse_unsupported(config: DictConfig) -> None:
    if not config.trainer.get("use_v1", True):
        raise OptionError("MRPO runs on verl's v1 trainers; set trainer.use_v1=True.")
    if int(config.actor_rollout_ref.rollout.n) < 2:
        raise OptionError("MRPO compares the rollouts of a group; set actor_rollout_ref.rollout.n to 2 or more.")


def _refuse_turns(config: DictConfig) -> None:
    """verl 0.9.1 chooses the agent loop by these names, whatever `multi_turn.enable` says."""
    rollout = "actor_rollout_ref.rollout"
    loop = OmegaConf.select(config, f"{rollout}.agent.default_agent_loop", default=AGENT_LOOP)
    if loop != AGENT_LOOP:
        raise OptionError(f"{ONE_RESPONSE}, not {loop!r}; set {rollout}.agent.default_agent_loop={AGENT_LOOP}.")
    if OmegaConf.select(config, f"{rollout}.multi_turn.enable", default=False):
        raise OptionError(f"{ONE_RESPONSE}; set {rollout}.multi_turn.enable=False.")


def _check_image_sizes(config: DictConfig) -> None:
    """Refuse limits on images that would do nothing, or end the run at its first rollout."""
    node = "data.mm_processor_kwargs"
    kwargs = OmegaConf.select(config, node) or {}
    if kwargs and OmegaConf.select(config, "actor_rollout_ref.rollout.name") == "sglang":
        raise OptionError(
            f"verl 0.9.1's SGLang server takes no {node}, so the first rollout would fail; leave {node} empty and "
            "bound the images in the checkpoint's preprocessor_config.json."
        )
    low, high = kwargs.get("min_pixels"), kwargs.get("max_pixels")
    if (low is None) != (high is None):
        given, lost = ("max_pixels", "min_pixels") if low is None else ("min_pixels", "max_pixels")
        raise OptionError(
            f"{node}.{given} has no effect on transformers' Qwen processors by itself; set {node}.{lost} too "
            "(the checkpoint's own stands in its preprocessor_config.json)."
        )
    if low is not None and low > high:
        raise OptionError(
            f"{node}.min_pixels={low} is above {node}.max_pixels={high}; set a smaller {node}.min_pixels."
        )


def check_judge(config: DictConfig, options: DictConfig, *, private_data: bool) -> None:
    """Raise OptionError if the judge is unknown, cannot be made from its options, or may not see the data."""
    from recipe.mrpo.judge import get_judge
    from recipe.mrpo.judge.member_options import at_router
    from recipe.mrpo.judge.private_data import check_endpoint

    judge = OmegaConf.to_container(options.judge, resolve=True)
    reward_model = config.reward.reward_model
    try:
        # The real address is known once the reward model is up.
        address = "127.0.0.1:1" if reward_model.enable else None
        judge = at_router(judge, address=address, model=reward_model.get("model_path"))
        get_judge(judge)
        check_endpoint(judge, private_data=private_data)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"mrpo.judge needs the module {error.name}, which cannot be imported; see mrpo.judge.module."
        ) from error
    except (ValueError, PermissionError) as error:
        raise OptionError(str(error)) from error


def _check_reward_model(config: DictConfig, options: DictConfig) -> None:
    """Refuse a reward model of verl's that nothing could reach, or that would rate in place of our reward manager."""
    from recipe.mrpo.judge.member_options import each_judge

    try:
        judges = list(each_judge(OmegaConf.to_container(options.judge, resolve=True)))
    except ValueError as error:
        raise OptionError(str(error)) from error
    routed = any(one["name"] == "router" for one in judges)
    model, prefix = config.reward.reward_model, "reward.reward_model"
    if not (model.enable or routed):
        return
    scorer = Path(__file__).parents[3] / "reward_fns" / "custom_reward.py"
    needs = {
        f"{prefix}.enable=True": model.enable,
        # Else verl rates when the rollouts are done, by a call that brings no gold answer and keeps no step labels.
        f"{prefix}.enable_resource_pool=True": model.enable_resource_pool,
        f"{prefix}.nnodes=1": model.nnodes > 0,
        f"{prefix}.model_path=MODEL": model.model_path is not None,
        f"{prefix}.rollout.name=vllm": OmegaConf.select(model, "rollout.name") is not None,
        # Else verl 0.9.1 puts the engine to sleep at the start, and with a pool of its own nothing wakes it.
        f"{prefix}.rollout.free_cache_engine=False": not model.rollout.free_cache_engine,
        # Else verl takes the model for a classifier and asks it instead of the reward manager.
        f"reward.custom_reward_function.path={scorer}": config.reward.custom_reward_function.path is not None,
    }
    missing = [override for override, met in needs.items() if not met]
    if missing:
        cause = "mrpo.judge.name=router" if routed else f"{prefix}.enable=True"
        raise OptionError(f"{cause} with MRPO's reward manager needs more (docs/judge.md); set {' '.join(missing)}.")


def check_skip(config: DictConfig, options: DictConfig) -> None:
    """Raise OptionError if rollouts are left out of judging that the estimator would then rate wrongly."""
    from recipe.mrpo.judge.when_to_judge import labels_read_by_rewards, refusal

    estimator, knows_unknown = str(config.algorithm.adv_estimator), (*ESTIMATORS, "gdpo")
    read = labels_read_by_rewards(OmegaConf.to_container(options.rewards, resolve=True))
    said = refusal(options.judge.skip, estimator=estimator, knows_unknown=knows_unknown, read_by_rewards=read)
    if said:
        raise OptionError(said)
    if read and estimator not in knows_unknown:
        logger.warning(
            "algorithm.adv_estimator=%s is verl's own and counts what a failed judgement leaves unknown as a reward of "
            "0; algorithm.adv_estimator=mrpo ++mrpo.shaping=none is GRPO that leaves it out.", estimator,
        )  # fmt: skip


def check_rewards(options: DictConfig) -> None:
    """Raise OptionError if a reward is unknown, its options are wrong, or its encoder or function cannot be loaded."""
    from reward_fns.registry import build_rewards

    try:
        build_rewards(options.rewards, tau=options.tau)
    except ValueError as error:
        raise OptionError(str(error)) from error


def _files(data: DictConfig, name: str) -> list[str]:
    files = data.get(name)
    return [] if files is None else [files] if isinstance(files, str) else [str(f) for f in files]


def check_rows(data: DictConfig, name: str, *, reasoning_required: bool) -> bool:
    """Read the `extra_info` of every row of the local parquet files `data[name]`; True if a row may not leave here.

    Raises OptionError if a local file is not there; if `reasoning_required` and a row has no gold reasoning to judge
    its steps against; if the column `agent_name`, by which verl chooses the agent loop of a row, names another one
    than the single-turn loop; if `may_leave_machine` is no boolean, or only some rows of what verl will join have it.
    """
    import pyarrow.parquet as pq

    from recipe.mrpo.endpoint.privacy import FLAG, may_leave_machine

    private = False
    flagged: dict[bool, str] = {}
    for file in _files(data, name):
        path = os.path.expanduser(file)
        if "://" not in path and not os.path.exists(path):
            raise OptionError(
                f"{file} does not exist; set data.{name} (DATA_DIR of the example scripts) to what `mrpo data` made."
            )
        if "://" in path or not path.endswith(".parquet"):
            continue  # a remote or JSON file: verl fetches it later, and each row that lacks reasoning is counted
        parquet = pq.ParquetFile(path)
        columns = [name for name in ("extra_info", "agent_name") if name in parquet.schema_arrow.names]
        if "extra_info" not in columns:
            raise OptionError(
                f"{file} has no column extra_info; make it with `python -m data_preprocess` (data.{name})."
            )
        row = 0
        for batch in parquet.iter_batches(columns=columns, batch_size=4096):
            for given in batch.to_pylist():
                loop = given.get("agent_name", AGENT_LOOP)
                if loop != AGENT_LOOP:
                    raise OptionError(
                        f"{ONE_RESPONSE}, and row {row} of {file} asks for {loop!r}; set its agent_name to "
                        f"{AGENT_LOOP}, or leave the column out."
                    )
                info = given["extra_info"] or {}
                flagged.setdefault(FLAG in info, f"row {row} of {file}")
                try:
                    private |= not may_leave_machine(info, row=f"row {row} of {file}")
                except ValueError as error:
                    raise OptionError(str(error)) from error
                if reasoning_required and not str(info.get("gold_reasoning") or "").strip():
                    raise OptionError(
                        f"row {row} of {file} (data.{name}) has no extra_info.gold_reasoning, so its steps cannot "
                        "be judged; convert the data with --gold-reasoning, or set ++mrpo.gold_reasoning=optional to "
                        "train such rows unshaped."
                    )
                row += 1
    if len(flagged) == 2:  # verl joins the files and fills the gaps with null, which the reward manager refuses
        raise OptionError(
            f"{flagged[True]} has extra_info.{FLAG} and {flagged[False]} has not; write it into every row of the files "
            "that are trained together, or into none."
        )
    return private


def _bound_weight_sync(config: DictConfig, seconds: float) -> None:
    engine = OmegaConf.select(config, "actor_rollout_ref.rollout.name")
    if engine != "vllm" and seconds > 0:
        logger.warning(
            "mrpo.guards.weight_sync_timeout_s bounds verl's weight transfer to vLLM; with actor_rollout_ref.rollout."
            "name=%s the engine's own limits hold.", engine,
        )  # fmt: skip
    with open_dict(config):
        env = OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars") or {}
        # verl's file logger may run on another node, whose environment is not this one's.
        ours = {METRICS_FILE: os.environ[METRICS_FILE]} if METRICS_FILE in os.environ else {}
        node = "ray_kwargs.ray_init.runtime_env.env_vars"
        OmegaConf.update(config, node, {**ours, **env, WEIGHT_SYNC_TIMEOUT_S: str(seconds)}, force_add=True)


def wrap_validate_config(module) -> None:
    """Run `prepare` whenever verl validates a configuration: the one call between Hydra and Ray in `main_ppo`.

    verl 0.9.1 has no hook at this point; its own check still runs, on the completed configuration.
    """
    original = module.validate_config

    def validate_config(config, *args, **kwargs):
        try:
            prepare(config)
        except OptionError as error:
            raise SystemExit(f"mrpo: {error}") from error  # one sentence for the user instead of Hydra's traceback
        return original(config, *args, **kwargs)

    validate_config.__wrapped__ = original
    module.validate_config = validate_config
