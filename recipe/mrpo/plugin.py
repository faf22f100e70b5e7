"""Entry point `verl.plugins`: verl imports this module at the end of `import verl`, in every process.

It only registers post-import hooks, so that a process pays for a part of MRPO when it loads the part of verl that the
part belongs to. verl swallows what a plugin raises (at DEBUG level), hence the log line.
"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def _register_estimators(module) -> None:
    from recipe.mrpo.wiring.estimators import gdpo_advantage, mrpo_advantage, with_step_credit

    module.register_adv_est("mrpo")(mrpo_advantage)
    # `register_adv_est` refuses a second function for a name, so the registry's own dict is written (verl 0.9.1).
    registry = module.ADV_ESTIMATOR_REGISTRY
    registry["gdpo"] = with_step_credit(gdpo_advantage, registry["gdpo"])


def _register_reward_manager(module) -> None:
    import recipe.mrpo.wiring.reward_manager  # noqa: F401 - registers itself


def _mix_into_trainers(module) -> None:
    from recipe.mrpo.wiring.trainer import mix_into_trainers

    mix_into_trainers(module)


def _wrap_validate_config(module) -> None:
    from recipe.mrpo.startup.prepare import wrap_validate_config

    wrap_validate_config(module)


def _bound_weight_sync(module) -> None:
    from recipe.mrpo.wiring.patches.weight_sync_timeout import bound_weight_sync

    bound_weight_sync(module)


def _mend_separate_async_log_call(module) -> None:
    from recipe.mrpo.wiring.patches.async_log_call import mend_log_call

    mend_log_call(module)


def _accept_internvl_processor(module) -> None:
    from recipe.mrpo.wiring.patches.internvl import accept_processor

    accept_processor(module)


def _restore_internvl_placeholders(module) -> None:
    from recipe.mrpo.wiring.patches.internvl import restore_placeholders

    restore_placeholders(module)


def _deduplicate_internvl_tokens(module) -> None:
    from recipe.mrpo.wiring.patches.internvl import deduplicate_for_vllm

    deduplicate_for_vllm(module)


def _add_config_directory(module) -> None:
    from recipe.mrpo.config.search_path import register

    register()


def _install() -> None:
    from recipe.mrpo.common.environment import on_cpu
    from recipe.mrpo.common.post_import import after_import

    after_import("hydra.main", _add_config_directory)
    after_import("verl.utils.config", _wrap_validate_config)
    after_import("verl.trainer.ppo.core_algos", _register_estimators)
    after_import("verl.experimental.reward_loop.reward_manager", _register_reward_manager)
    after_import("verl.trainer.ppo.v1", _mix_into_trainers)
    after_import("verl.workers.rollout.vllm_rollout.bucketed_weight_transfer", _bound_weight_sync)
    after_import("verl.trainer.ppo.v1.trainer_separate_async", _mend_separate_async_log_call)
    after_import("verl.utils.tokenizer.tokenizer", _accept_internvl_processor)
    after_import("verl.experimental.agent_loop.agent_loop", _restore_internvl_placeholders)
    after_import("verl.workers.rollout.vllm_rollout.vllm_async_server", _deduplicate_internvl_tokens)
    if on_cpu():
        from recipe.mrpo.cpu import activate

        activate()


try:
    _install()
except Exception:
    logger.exception("MRPO could not register itself in verl; this run has no adv_estimator=mrpo.")
    raise
