"""Are the judge and the rewards of a run what its options say, and can they be made here?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.environment import on_cpu
from recipe.mrpo.common.printable import printable
from recipe.mrpo.options.tree import ESTIMATORS, OptionError, shaping_options

if TYPE_CHECKING:
    from reward_fns.registry import Reward

logger = logging.getLogger(__name__)


def _sentence(error: Exception) -> str:
    """The message of an error on one line; libraries write several."""
    return printable(" ".join(str(error).split()))


def check_judge(config: DictConfig, options: DictConfig, *, private_data: bool) -> None:
    """Raise OptionError if the judge is unknown, cannot be made from its options, or may not see the data."""
    from recipe.mrpo.judge import get_judge
    from recipe.mrpo.judge.member_options import judges_asked, with_router_address
    from recipe.mrpo.judge.private_data import check_endpoint
    from recipe.mrpo.judge.stand_in import has_real_weights, stand_in_sentence
    from recipe.mrpo.judge.when_to_judge import overall_conflict, verdict_conflict

    judge = OmegaConf.to_container(options.judge, resolve=True)
    semantic = options.rewards.semantic
    if options.rewards.answer.mode == "judge" or (semantic.enabled and semantic.mode == "verdict"):
        asked = [str(one["name"]) for one in judges_asked(judge)]
        verdict = options.rewards.answer.mode == "judge"
        problem = verdict_conflict(asked, judge["ask_for"]) if verdict else None
        if semantic.enabled and semantic.mode == "verdict":
            problem = problem or overall_conflict(asked)
        if problem:
            raise OptionError(problem)
    reward_model = config.reward.reward_model
    real = has_real_weights(str(OmegaConf.select(config, "actor_rollout_ref.model.path")), on_cpu=on_cpu())
    if sentence := stand_in_sentence(judge, real_weights=real):
        if judge["stand_in"] == "refuse":
            raise OptionError(sentence)
        logger.warning("%s", sentence)
    try:
        # The real address is known once the reward model is up.
        address = "127.0.0.1:1" if reward_model.enable else None
        judge = with_router_address(judge, address=address, model=reward_model.get("model_path"))
        get_judge(judge).require(may_leave_machine=not private_data)
        check_endpoint(judge, private_data=private_data)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"mrpo.judge needs the module {error.name}, which cannot be imported; see mrpo.judge.module."
        ) from error
    except (ValueError, PermissionError) as error:
        raise OptionError(_sentence(error)) from error


def check_skip(config: DictConfig, options: DictConfig, rewards: Sequence[Reward]) -> None:
    """Raise OptionError if rollouts stay unjudged and the estimator would then score them wrongly."""
    from recipe.mrpo.judge.spending import share_conflict
    from recipe.mrpo.judge.when_to_judge import shaping_reads_labels, skip_conflict
    from reward_fns.build import labels_are_read

    estimator, with_unknown = str(config.algorithm.adv_estimator), (*ESTIMATORS, "gdpo")
    read = labels_are_read(rewards)
    ask_for = options.judge.ask_for
    try:
        shapes_right = ask_for == "wrong_answers" and shaping_reads_labels(
            options.shaping,
            shaping_options=options.shaping_options,
            estimator=estimator,
            ours=ESTIMATORS,
            wrong=False,
        )
    except ValueError as error:
        raise OptionError(_sentence(error)) from error
    problem = skip_conflict(
        ask_for,
        estimator=estimator,
        estimators_with_unknown=with_unknown,
        read_by_rewards=read,
        shapes_right=shapes_right,
    )
    problem = problem or share_conflict(
        options.judge.share, estimator=estimator, estimators_with_unknown=with_unknown, read_by_rewards=read
    )
    if problem:
        raise OptionError(problem)
    if read and estimator not in with_unknown:
        logger.warning(
            "algorithm.adv_estimator=%s is verl's estimator: it counts the unknown reward of a failed judgement as 0. "
            "To exclude unknown rewards, set algorithm.adv_estimator=mrpo ++mrpo.shaping=none (GRPO).", estimator,
        )  # fmt: skip


def check_shaping_rule(options: DictConfig) -> None:
    """Raise OptionError if the shaping rule cannot be loaded, takes other options or breaks a law of all rules."""
    from recipe.mrpo.credit.shaping.contract import check_shaping

    try:
        check_shaping(options.shaping, **shaping_options(options))
    except ValueError as error:
        raise OptionError(_sentence(error)) from error


def check_rewards(options: DictConfig) -> list[Reward]:
    """The rewards of the run.

    Raises OptionError if one is unknown, its options are wrong, or its encoder or function cannot be loaded.
    """
    from reward_fns.build import build_rewards

    try:
        return build_rewards(options.rewards, tau=options.tau)
    except ValueError as error:
        raise OptionError(_sentence(error)) from error
