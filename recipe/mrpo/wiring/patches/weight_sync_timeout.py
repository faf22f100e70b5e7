"""Patch of verl 0.9.1: a limit on the wait for a rollout engine that takes no weights.

Upstream: verl-project/verl#7366 (open) adds `checkpoint_engine.update_weights_ack_timeout_seconds`. The patch steps
aside where verl has it, and is to be deleted then.
"""

from __future__ import annotations

import logging
from types import ModuleType

from recipe.mrpo.common.environment import weight_sync_limit_s
from recipe.mrpo.common.source import difference
from recipe.mrpo.hooks import ACK_TIMEOUT

logger = logging.getLogger(__name__)


def bound_weight_sync(module: ModuleType) -> None:
    """Give verl's weight sender a time limit, so that a dead rollout engine ends the job instead of hanging it.

    Patches `BucketedWeightSender._init_socket` of verl 0.9.1 (`verl.workers.rollout.vllm_rollout.
    bucketed_weight_transfer`): its ZMQ socket waits for an acknowledgement without a limit, and a receiver that
    raised or died sends none. Acts where `environment.WEIGHT_SYNC_TIMEOUT_S` is set. SGLang is given its weights over
    HTTP, with limits of verl's own.

    Raises RuntimeError if the class no longer looks as it did.
    """
    limit = weight_sync_limit_s()
    if limit <= 0:
        return
    if difference(ACK_TIMEOUT) is None:
        logger.warning(
            "verl has its own limit on the weight sync, actor_rollout_ref.rollout.checkpoint_engine."
            "update_weights_ack_timeout_seconds; mrpo.guards.weight_sync_timeout_s is not used."
        )
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
