"""Weights that outlive the transfer buffer. Patch of verl's ``BucketedWeightReceiver``, written for verl 0.9.1.

Cause: the receiver hands out views of a shared-memory bucket, moved with ``tensor.to(self.device)``. On a GPU that
copies; on a CPU it is the same memory, which the sender overwrites with the next bucket and then frees (closing it
while views exist is a ``BufferError: cannot close exported pointers exist``). Upstream: none known for the CPU;
https://github.com/verl-project/verl/issues/6454 is the same fault with CUDA IPC and LoRA, mended there by a clone.
"""

from __future__ import annotations

from functools import wraps
from types import ModuleType

from recipe.mrpo.cpu.source_guard import expect_source

_WRITTEN_FOR = "verl 0.9.1"
_MARKER = "tensor = tensor.to(self.device)"


def copy_received_weights(module: ModuleType) -> None:
    """Copy every tensor out of the bucket before the rollout engine sees it.

    ``module`` is ``verl.workers.rollout.vllm_rollout.bucketed_weight_transfer``. Raises RuntimeError when the receiver
    moves its tensors in another way by now.
    """
    receiver = module.BucketedWeightReceiver
    receive_weights = receiver.receive_weights
    expect_source(receive_weights, _MARKER, patch="copy weights out of the bucket", written_for=_WRITTEN_FOR)

    @wraps(receive_weights)
    def receive_copies(self, on_bucket_received):
        def on_copies(weights, is_last):
            return on_bucket_received([(name, tensor.clone()) for name, tensor in weights], is_last)

        return receive_weights(self, on_copies)

    receiver.receive_weights = receive_copies
