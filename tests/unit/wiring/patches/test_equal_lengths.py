"""Batches of a Qwen-VL model can be split whatever the lengths of their sequences are."""

from __future__ import annotations

import pickle

import pytest
import torch

from recipe.mrpo.wiring.patches.equal_lengths import packed_along_rows

tensordict_utils = pytest.importorskip("verl.utils.tensordict_utils")


def batch(lengths):
    """Position ids (4, L) of each sequence, as TransferQueue packs them."""
    rows = [torch.arange(4 * length).reshape(4, length) + 1000 * n for n, length in enumerate(lengths)]
    ids = [torch.arange(length) for length in lengths]
    made = tensordict_utils.get_tensordict(
        {
            "position_ids": torch.nested.as_nested_tensor(rows, layout=torch.jagged),
            "input_ids": torch.nested.as_nested_tensor(ids, layout=torch.jagged),
        }
    )
    return made, rows


@pytest.mark.parametrize(
    ("lengths", "why"),
    [
        ([54] * 16, "all of one length"),
        ([54, 55, 53, 54], "of several lengths"),
        ([4] * 4, "as long as there are axes"),
        ([16] * 4, "as long as all axes together"),
        ([7, 7], "two"),
    ],
)
@pytest.mark.parametrize("chunks", [1, 2])
def test_every_batch_can_be_split_and_gives_its_rows_back(lengths, why, chunks):
    data, rows = batch(lengths)
    tensordict_utils.maybe_fix_3d_position_ids(data)
    assert not packed_along_rows(data["position_ids"])
    split = tensordict_utils.chunk_tensordict(data, chunks)
    again = [row for part in split for row in part["position_ids"].unbind(0)]
    assert [row.tolist() for row in again] == [row.tolist() for row in rows], why
    assert all(part["position_ids"].values().shape[0] == 4 for part in split), "packed along the sequence"


def test_without_the_patch_sequences_of_one_length_end_the_run():
    """The check that the test above can fail: sixteen rows, packed along the four axes, said to be packed along L."""
    data, _ = batch([54] * 16)
    data["position_ids"]._ragged_idx = 2  # what verl's own function does
    with pytest.raises(RuntimeError):
        tensordict_utils.chunk_tensordict(data, 1)


def test_a_batch_without_position_ids_or_with_plain_ones_is_left_alone():
    nothing = tensordict_utils.get_tensordict({"input_ids": torch.ones(2, 3)})
    tensordict_utils.maybe_fix_3d_position_ids(nothing)
    flat = tensordict_utils.get_tensordict({"position_ids": torch.ones(2, 3)})
    tensordict_utils.maybe_fix_3d_position_ids(flat)
    assert torch.equal(flat["position_ids"], torch.ones(2, 3))


def test_what_is_packed_along_rows_stays_so_through_a_process_border():
    data, _ = batch([54] * 4)
    assert packed_along_rows(pickle.loads(pickle.dumps(data["position_ids"])))
