"""A guard against training that only looks healthy: do rollout engine and trainer compute the same model?"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

CORRELATION = "training/rollout_actor_probs_pearson_corr"


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


def check_correlation(value: float | None, *, minimum: float, action: str) -> None:
    """Warn, or raise RolloutMismatch if `action` is "stop", when rollout and training probabilities disagree.

    `value`: Pearson's correlation; None (verl did not measure it) passes.
    """
    if value is None or value >= minimum:
        return
    message = (
        f"{CORRELATION} is {value:.4f}, below mrpo.guards.min_probs_correlation={minimum}: the rollout engine's "
        "token probabilities do not match the trained model's. A known cause: with "
        "actor_rollout_ref.rollout.load_format=dummy some engines keep random image-normalisation buffers, so that "
        "rollouts see no image; set actor_rollout_ref.rollout.load_format=auto. Sampling with top_p < 1 or top_k > 0 "
        "lowers it as well (0.97 at 0.8 and 20): the engine's probabilities are then those of the truncated "
        "distribution, the trainer's are not."
    )
    if action == "stop":
        raise RolloutMismatch(message)
    logger.warning(message)
