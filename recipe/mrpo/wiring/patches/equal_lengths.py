"""Patch of verl 0.9.1: a batch of a Qwen-VL model in which all sequences have one length ends the run.

Position ids of these models are (4, L) a rollout. torch packs rows of different length L along L, but rows of equal
length along the 4. `maybe_fix_3d_position_ids` then says that they are packed along L, whatever they are, and the batch
cannot be split: "Expected cond to be True", "The size of tensor a (4) must match the size of tensor b (2)". Short
answers of a trained model are often equally long, and so are responses that all reach the limit.

Upstream: no issue was found; docs/upstream.md has the text of a report. To be deleted when verl no longer sets the
packed axis by hand (tests/upstream says so).
"""

from __future__ import annotations

from types import ModuleType

import torch


def mend_position_ids(module: ModuleType) -> None:
    """Wrap `maybe_fix_3d_position_ids` of `verl.utils.tensordict_utils`: repack what is packed along the wrong axis."""
    original = module.maybe_fix_3d_position_ids

    def maybe_fix_3d_position_ids(data) -> None:
        ids = data["position_ids"] if "position_ids" in data.keys() else None  # noqa: SIM118  (a TensorDict is no dict)
        if ids is not None and ids.is_nested and ids.dim() == 3 and packed_along_rows(ids):
            rows = list(ids.values().unflatten(0, (len(ids.offsets()) - 1, -1)))
            data["position_ids"] = module.nested_tensor_from_tensor_list(rows, ragged_idx=2)
        original(data)

    module.maybe_fix_3d_position_ids = maybe_fix_3d_position_ids


def packed_along_rows(ids: torch.Tensor) -> bool:
    """Are the (C, L) rows of a nested tensor stacked to (B C, L), and not side by side as (C, sum of L)?"""
    values, offsets = ids.values(), ids.offsets()
    return values.dim() == 2 and int(offsets[-1]) == values.shape[0]
