"""Settings of verl with which a run of MRPO would fail later, or would not train as the options say.

Each check reads the composed configuration alone and raises OptionError with the override to set.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import ESTIMATORS, OptionError

logger = logging.getLogger(__name__)

REWARD_MANAGER = "mrpo"
VERL_DEFAULT_REWARD_MANAGER = "naive"
CHECKPOINT_CALLBACK = "recipe.mrpo.evaluate.checkpoints.QueueEvaluation"
AGENT_LOOP = "single_turn_agent"
ONE_RESPONSE = "MRPO's reward manager labels the steps of one response, which verl's single-turn agent loop makes"


def check_verl_settings(config: DictConfig, options: DictConfig) -> None:
    """Choose the reward manager that the estimator needs, and refuse settings that cannot work with it.

    Looks at the configuration alone, so it works on machines without data, checkpoint and judge. Raises OptionError.
    """
    _check_image_sizes(config)
    _choose_checkpoint_callback(config, options)
    if str(config.algorithm.adv_estimator) in ESTIMATORS:
        _choose_reward_manager(config)
        _refuse_unsupported(config)
    elif config.algorithm.adv_estimator == "gdpo" and config.algorithm.use_kl_in_reward:
        raise OptionError(
            "GDPO normalises each reward separately, and a KL penalty in the reward belongs to none of them; set "
            "algorithm.use_kl_in_reward=False (and actor_rollout_ref.actor.use_kl_loss=True)."
        )
    if config.reward.reward_manager.name == REWARD_MANAGER:
        _refuse_turns(config)
        _check_reward_model(config, options)


def _choose_checkpoint_callback(config: DictConfig, options: DictConfig) -> None:
    """mrpo.evaluate.queue notes saved checkpoints through verl's own callback, of which a run has one."""
    if options.evaluate.queue is None:
        return
    given = OmegaConf.select(config, "trainer.checkpoint_callback_class")
    if given not in (None, CHECKPOINT_CALLBACK):
        raise OptionError(
            f"mrpo.evaluate.queue needs trainer.checkpoint_callback_class={CHECKPOINT_CALLBACK}, and it is {given}; "
            "leave one of the two out, or derive your class from that one."
        )
    OmegaConf.update(config, "trainer.checkpoint_callback_class", CHECKPOINT_CALLBACK, force_add=True)


def _choose_reward_manager(config: DictConfig) -> None:
    manager = config.reward.reward_manager
    if OmegaConf.select(config, "reward_model.reward_manager") is not None:
        raise OptionError(
            "reward_model.reward_manager is verl's old name of the setting, and its v1 trainers do not read it; set "
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
            f"verl 0.9.1's SGLang server takes no {node}, so the first rollout would fail; set backbone=none, or "
            f"leave {node} empty, and bound the images in the checkpoint's preprocessor_config.json."
        )
    low, high = kwargs.get("min_pixels"), kwargs.get("max_pixels")
    if (low is None) != (high is None):
        given, lost = ("max_pixels", "min_pixels") if low is None else ("min_pixels", "max_pixels")
        raise OptionError(
            f"{node}.{given} alone has no effect on transformers' Qwen processors; set {node}.{lost} too "
            "(preprocessor_config.json has the checkpoint's value)."
        )
    if low is not None and low > high:
        raise OptionError(
            f"{node}.min_pixels={low} is above {node}.max_pixels={high}; set a smaller {node}.min_pixels."
        )


def check_model_path(config: DictConfig) -> None:
    """Raise OptionError for a checkpoint folder that is not there.

    A hub name looks like a relative folder, so only paths that start with /, . or ~ are looked for.
    """
    path = str(OmegaConf.select(config, "actor_rollout_ref.model.path"))
    if path.startswith(("/", ".", "~")) and not os.path.isdir(os.path.expanduser(path)):
        raise OptionError(
            f"there is no folder {path}; set actor_rollout_ref.model.path (MODEL_PATH of the example scripts) to a "
            "checkpoint or the name of one on the hub."
        )


def _check_reward_model(config: DictConfig, options: DictConfig) -> None:
    """Refuse a reward model of verl's that nothing could reach, or that would rate in place of our reward manager."""
    from recipe.mrpo.judge.member_options import judges_asked

    try:
        judges = list(judges_asked(OmegaConf.to_container(options.judge, resolve=True)))
    except ValueError as error:
        raise OptionError(str(error)) from error
    routed = any(one["name"] == "router" for one in judges)
    model, prefix = config.reward.reward_model, "reward.reward_model"
    if not (model.enable or routed):
        return
    scorer = Path(__file__).parents[3] / "reward_fns" / "custom_reward.py"
    needs = {
        f"{prefix}.enable=True": model.enable,
        # Otherwise verl scores all rollouts at the end, without gold answers, and keeps no step labels.
        f"{prefix}.enable_resource_pool=True": model.enable_resource_pool,
        f"{prefix}.nnodes=1": model.nnodes > 0,
        f"{prefix}.model_path=MODEL": model.model_path is not None,
        f"{prefix}.rollout.name=vllm": OmegaConf.select(model, "rollout.name") is not None,
        # Otherwise verl 0.9.1 puts the engine to sleep at the start; in a separate pool it is never woken.
        f"{prefix}.rollout.free_cache_engine=False": not model.rollout.free_cache_engine,
        # Otherwise verl treats the model as a classifier and asks it instead of the reward manager.
        f"reward.custom_reward_function.path={scorer}": config.reward.custom_reward_function.path is not None,
    }
    missing = [override for override, met in needs.items() if not met]
    if missing:
        cause = "mrpo.judge.name=router" if routed else f"{prefix}.enable=True"
        raise OptionError(f"{cause} with MRPO's reward manager needs more (docs/judge.md); set {' '.join(missing)}.")
    if OmegaConf.select(model, "rollout.max_model_len") is None:
        logger.warning(
            "%s.rollout.max_model_len=null: vLLM makes room for the longest position of the reward model (128,000 "
            "tokens of Qwen2.5-VL-32B are 31 GiB of KV cache); set %s.rollout.max_model_len=8192.", prefix, prefix,
        )  # fmt: skip
