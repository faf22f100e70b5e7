"""A guard against training that only looks healthy: do rollout engine and trainer compute the same model?"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

CORRELATION = "training/rollout_actor_probs_pearson_corr"
DIFFERENCE = "training/rollout_probs_diff_mean"
"""verl's mean of |p_rollout - p_trained| over the sampled tokens."""
TOP_K_ALONE = 0.1
"""What top_k alone may explain: the tokens that it leaves out are rare ones."""


class RolloutMismatch(RuntimeError):
    """The rollout engine does not compute the probabilities of the model that is trained."""


def guard_action(action: str, *, trainer_mode: str, on_cpu: bool) -> str:
    """`warn` or `stop`: what `mrpo.guards.on_low_correlation` means for a run.

    `auto` stops where real weights are trained and the rollout engine should hold the same ones: with a GPU, in the
    mode `sync`. The asynchronous modes sample with older weights by design.
    """
    if action != "auto":
        return action
    return "stop" if trainer_mode == "sync" and not on_cpu else "warn"


def explained_difference(*, top_p: float, top_k: int) -> float | None:
    """Largest mean of |p_rollout - p_trained| that cutting off tokens explains; None: none are cut off.

    The engine's probabilities are those of the Z that is left, p / Z, and top_p keeps at least Z = top_p:
    p / Z - p = (1 - Z) p / Z <= 1 - top_p
    """
    if top_p >= 1.0 and top_k <= 0:
        return None
    return max(1.0 - top_p, TOP_K_ALONE if top_k > 0 else 0.0)


@functools.cache
def _tell_once(message: str) -> None:
    logger.warning(message)


def check_correlation(
    value: float | None,
    *,
    minimum: float,
    action: str,
    difference: float | None = None,
    explained: float | None = None,
) -> None:
    """Warn, or raise RolloutMismatch if `action` is "stop", when rollout and training probabilities disagree.

    `value`: Pearson's correlation; None (verl did not measure it) passes. `difference`: the metric DIFFERENCE.
    `explained` (`explained_difference`): where sampling cuts off tokens, a model that is sure of itself has any
    correlation, down to 0/0 where the engine gives 1 to every token; so a difference up to it passes, told once.
    """
    if value is None or value >= minimum:
        return
    if explained is not None and difference is not None and difference <= explained:
        _tell_once(
            f"{CORRELATION} is below mrpo.guards.min_probs_correlation={minimum}, and the probabilities differ by no "
            "more than sampling with top_p < 1 or top_k > 0 explains: the engine's are those of the tokens that are "
            f"left. {DIFFERENCE} above {explained:.2g} would not be explained."
        )
        return
    message = (
        f"{CORRELATION} is {value:.4f}, below mrpo.guards.min_probs_correlation={minimum}: the rollout engine's "
        "token probabilities do not match the trained model's. A known cause: with "
        "actor_rollout_ref.rollout.load_format=dummy some engines keep random image-normalisation buffers, so that "
        "rollouts see no image; set actor_rollout_ref.rollout.load_format=auto."
    )
    if explained is not None:
        message += f" Sampling with top_p < 1 or top_k > 0 explains {DIFFERENCE} up to {explained:.2g}, "
        message += f"not {difference}."
    if action == "stop":
        raise RolloutMismatch(message)
    logger.warning(message)


def check_step(metrics: Mapping[str, Any], config: Any, *, on_cpu: bool) -> None:
    """`check_correlation` of a step with the options and the sampling of its run."""
    guards, rollout = config.mrpo.guards, config.actor_rollout_ref.rollout
    check_correlation(
        metrics.get(CORRELATION),
        minimum=guards.min_probs_correlation,
        action=guard_action(guards.on_low_correlation, trainer_mode=str(config.trainer.v1.trainer_mode), on_cpu=on_cpu),
        difference=metrics.get(DIFFERENCE),
        explained=explained_difference(top_p=rollout.top_p, top_k=rollout.top_k),
    )
