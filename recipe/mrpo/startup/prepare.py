"""A run's configuration before anything is loaded: defaults are filled in, mistakes are refused.

Runs in the driver, right after Hydra has composed the configuration and before Ray starts.
"""

from __future__ import annotations

import logging
import os
import secrets

from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mrpo.common.environment import (
    METRICS_FILE,
    VLLM_ROOT_LOG_LEVEL,
    WEIGHT_SYNC_MARK,
    WEIGHT_SYNC_TIMEOUT_S,
)
from recipe.mrpo.options.tree import ESTIMATORS, OPTIONS_FILE, changed_options, load_options
from recipe.mrpo.startup.backbone import check_backbone
from recipe.mrpo.startup.checkpoint import warn_of_lost_steps
from recipe.mrpo.startup.continuations_cost import tell_cost
from recipe.mrpo.startup.data_rows import check_rows
from recipe.mrpo.startup.judge_and_rewards import check_judge, check_rewards, check_shaping_rule, check_skip
from recipe.mrpo.startup.levels import check_levels
from recipe.mrpo.startup.plan import check_run_plan
from recipe.mrpo.startup.several_images import image_limits, make_room_for_images
from recipe.mrpo.startup.uploads import check_uploads
from recipe.mrpo.startup.verl_hooks import check_hooks
from recipe.mrpo.startup.verl_settings import REWARD_MANAGER, check_model_path, check_verl_settings

logger = logging.getLogger(__name__)


def uses_mrpo(config: DictConfig) -> bool:
    """Does this run ask for anything of MRPO? Every other run is left exactly as it is."""
    return (
        str(OmegaConf.select(config, "algorithm.adv_estimator")) in ESTIMATORS
        or "mrpo" in config
        or OmegaConf.select(config, "reward.reward_manager.name") == REWARD_MANAGER
    )


def prepare(config: DictConfig) -> None:
    """Complete and check the configuration of an MRPO run in place; leave any other run alone.

    Fills `config.mrpo` with every option, turns verl's default reward manager into `mrpo` if the estimator needs it,
    and hands the weight-sync limit, a mark of its sockets and the level of warnings to the workers. Safe to call twice.

    Raises OptionError with one sentence that names the override to set.
    """
    if not uses_mrpo(config):
        return
    options = fill_and_check(config)
    check_hooks(config)
    check_model_path(config)
    check_backbone(config, options)
    check_levels(config)
    check_run_plan(config)
    warn_of_lost_steps(config)
    if str(config.algorithm.adv_estimator) in ESTIMATORS:
        check_shaping_rule(options)
    if config.reward.reward_manager.name == REWARD_MANAGER:
        required, limits = options.gold_reasoning == "required", image_limits(config, options)
        rows = check_rows(config.data, "train_files", reasoning_required=required, limits=limits)
        rows |= check_rows(config.data, "val_files", reasoning_required=False, limits=limits)
        make_room_for_images(config, options, rows.most_images)
        if rows.private:
            check_uploads(config)
        check_judge(config, options, private_data=rows.private)
        check_skip(config, options, check_rewards(options))
        tell_cost(config, options)
    _hand_to_workers(config, options.guards.weight_sync_timeout_s)
    changed = ", ".join(f"mrpo.{name}={value}" for name, value in changed_options(options).items())
    logger.warning("MRPO: %s; every other option has its default (%s).", changed or "no option set", OPTIONS_FILE.name)


def fill_and_check(config: DictConfig) -> DictConfig:
    """The part of `prepare` that looks at nothing but the configuration; returns the options.

    `startup.compose` (DRY_RUN=1) calls it too, on machines without data, checkpoint and judge.
    """
    options = load_options(config.get("mrpo"))
    with open_dict(config):
        config.mrpo = options
    check_verl_settings(config, options)
    return options


def _hand_to_workers(config: DictConfig, seconds: float) -> None:
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
        ours[VLLM_ROOT_LOG_LEVEL] = os.environ.get(VLLM_ROOT_LOG_LEVEL, "WARNING")
        ours[WEIGHT_SYNC_MARK] = secrets.token_hex(4)
        node = "ray_kwargs.ray_init.runtime_env.env_vars"
        OmegaConf.update(config, node, {**ours, **env, WEIGHT_SYNC_TIMEOUT_S: str(seconds)}, force_add=True)
