"""Patch of verl 0.9.1: two runs on one host hand their weights to their own rollout engines.

The socket's path is made of the Ray job id, and the first job of every Ray cluster has the id 01000000. Two runs that
each start Ray themselves, the normal case, share the path. The later one removes the socket of the earlier one, and
weights go to the wrong engine or wait for ever. Upstream: verl-project/verl#6233, closed by #6246, which put the job id
into the path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType

from recipe.mrpo.common.environment import weight_sync_mark

_ENDS = ("BucketedWeightSender", "BucketedWeightReceiver")


def mark_sockets(module: ModuleType) -> None:
    """Give both ends of verl's weight transfer a path that carries the mark of this run.

    Patches the constructors in `verl.workers.rollout.vllm_rollout.bucketed_weight_transfer`. Acts where
    `environment.WEIGHT_SYNC_MARK` is set, which start-up does for a run of MRPO, in all its processes.

    Raises RuntimeError if a class is gone.
    """
    mark = weight_sync_mark()
    if not mark:
        return
    for name in _ENDS:
        end = getattr(module, name, None)
        if end is None:
            raise RuntimeError(
                f"{module.__name__} has no {name}, so the sockets of two runs on one host cannot be told apart; MRPO "
                "was written for verl 0.9.1."
            )
        end.__init__ = _with_mark(end.__init__, mark)


def _with_mark(init: Callable[..., None], mark: str) -> Callable[..., None]:
    @wraps(init)
    def marked_init(self, zmq_handle, *args, **kwargs):
        if zmq_handle.startswith("ipc://"):
            zmq_handle = f"{zmq_handle.removesuffix('.sock')}-{mark}.sock"
        init(self, zmq_handle, *args, **kwargs)

    return marked_init
