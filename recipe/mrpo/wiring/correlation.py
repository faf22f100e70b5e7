"""Two guards against training that looks healthy and is not, or that waits forever."""

from __future__ import annotations

import logging
import os
from types import ModuleType

logger = logging.getLogger(__name__)

CORRELATION = "training/rollout_actor_probs_pearson_corr"
TIMEOUT_ENV = "MRPO_WEIGHT_SYNC_TIMEOUT_S"
"""Carries `mrpo.guards.weight_sync_timeout_s` into verl's worker processes, which know no options of ours."""


class RolloutMismatch(RuntimeError):
    """The rollout engine does not compute the probabilities of the model that is trained."""


def check_correlation(value: float | None, *, minimum: float, action: str) -> float | None:
    """Warn, or raise RolloutMismatch if `action` is "stop", when rollout and training probabilities disagree.

    Returns `value` as it came; None (verl did not measure it) passes.
    """
    if value is None or value >= minimum:
        return value
    message = (
        f"{CORRELATION} is {value:.4f}, below mrpo.guards.min_probs_correlation={minimum}: the rollout engine does not "
        "run the model that is trained. A known cause: with actor_rollout_ref.rollout.load_format=dummy some engines "
        "keep random image-normalisation buffers, so that rollouts see no image; set "
        "actor_rollout_ref.rollout.load_format=auto. Sampling with top_p < 1 or top_k > 0 lowers it as well (0.97 at "
        "0.8 and 20): the engine's probabilities are then those of the truncated distribution, the trainer's are not."
    )
    if action == "stop":
        raise RolloutMismatch(message)
    logger.warning(message)
    return value


def bound_weight_sync(module: ModuleType) -> None:
    """Give verl's weight sender a time limit, so that a dead rollout engine ends the job instead of hanging it.

    Patches `BucketedWeightSender._init_socket` of verl 0.9.1 (`verl.workers.rollout.vllm_rollout.
    bucketed_weight_transfer`): its ZMQ socket waits for an acknowledgement without a limit, and a receiver that
    raised or died sends none. No setting exists and no upstream issue was found. Runs where TIMEOUT_ENV is set.
    SGLang is given its weights over HTTP, with limits of verl's own.

    Raises RuntimeError if the class no longer looks as it did.
    """
    limit = float(os.environ.get(TIMEOUT_ENV) or 0)
    if limit <= 0:
        return
    sender = getattr(module, "BucketedWeightSender", None)
    if sender is None or not {"_init_socket", "async_send_weights"} <= set(vars(sender)):
        raise RuntimeError(
            f"{module.__name__}.BucketedWeightSender is not the class of verl 0.9.1 that MRPO's weight-sync limit was "
            "written for; set mrpo.guards.weight_sync_timeout_s=0 to run without it."
        )
    init_socket, send = sender._init_socket, sender.async_send_weights

    def limited_init_socket(self):
        init_socket(self)
        if self.socket is None:
            raise RuntimeError("BucketedWeightSender._init_socket left no socket; verl is not the version MRPO knows.")
        self.socket.rcvtimeo = self.socket.sndtimeo = int(limit * 1000)
        self.socket.linger = 0  # closing must not wait for a peer that is gone

    async def limited_send(self, weights):
        import zmq

        try:
            return await send(self, weights)
        except zmq.Again as error:
            raise TimeoutError(
                f"the rollout engine did not take the new weights within {limit:g} s; it has failed or was killed (its "
                "own log says why). Raise mrpo.guards.weight_sync_timeout_s if it is only slow."
            ) from error

    sender._init_socket, sender.async_send_weights = limited_init_socket, limited_send
