"""Laws of the shaping by step labels, one test each (arXiv 2606.31825)."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.shaping.mrpo import step_advantages, step_factors
from recipe.mrpo.credit.token_runs import TokenRuns

E = math.e
NAN = math.nan


def shape_advantages(advantages, mask, tokens, labels, num_steps, wrong, *, base, round_factors) -> torch.Tensor:
    """Step advantages on the tokens of `tokens` (B, T), the number of each token's step, 0 outside every step."""
    rows = [
        [(row.index(k), row.index(k) + row.count(k)) if k in row else (at(row, k), at(row, k)) for k in range(1, n + 1)]
        for row, n in zip(tokens.tolist(), num_steps.tolist(), strict=True)
    ]
    per_step = step_advantages(advantages, labels, num_steps, wrong, factor_base=base, round_factors=round_factors)
    return TokenRuns.of(rows, mask, mask.sum(dim=1).tolist()).spread(per_step, advantages)


def at(row: list[int], k: int) -> int:
    """Where a step without tokens lies: behind the last token of an earlier step."""
    return max((i + 1 for i, step in enumerate(row) if 0 < step < k), default=0)


def shape(advantage, labels, *, wrong=True, tokens=None, mask=None, base=E, round_factors=False) -> list[float]:
    """Token advantages of one rollout; by default one token per step between a tag and an answer token."""
    tokens = [0, *range(1, len(labels) + 1), 0] if tokens is None else tokens
    mask = [1] * len(tokens) if mask is None else mask
    out = shape_advantages(
        torch.tensor([advantage], dtype=torch.float64),
        torch.tensor([mask]),
        torch.tensor([tokens]),
        torch.tensor([labels], dtype=torch.float64).reshape(1, len(labels)),
        torch.tensor([len(labels)]),
        torch.tensor([wrong]),
        base=base,
        round_factors=round_factors,
    )
    assert out.dtype == torch.float32 and out.shape == (1, len(tokens))
    return out[0].tolist()


def factors(num_steps: int, *, base=E, round_factors=False) -> list[float]:
    return step_factors(torch.tensor([num_steps]), factor_base=base, round_factors=round_factors)[0].tolist()


sizes = st.floats(0.01, 3)
signed = st.builds(lambda size, sign: size * sign, sizes, st.sampled_from([1, -1]))
labelled = st.lists(st.sampled_from([1.0, 0.0]), min_size=1, max_size=12)


@given(labelled, st.booleans())
def test_no_advantage_gives_zero_everywhere(labels, wrong):
    assert shape(0.0, labels, wrong=wrong) == [0.0] * (len(labels) + 2)


@given(signed, labelled)
def test_a_right_answer_leaves_every_token_at_a(advantage, labels):
    assert shape(advantage, labels, wrong=False) == pytest.approx([advantage] * (len(labels) + 2), rel=1e-6)


@given(signed, labelled)
def test_a_valid_step_of_a_wrong_rollout_is_pushed_up_by_the_size_of_a(advantage, labels):
    for label, token in zip(labels, shape(advantage, labels)[1:-1], strict=True):
        if label == 1:
            assert token == pytest.approx(abs(advantage), rel=1e-6)


@given(signed, labelled)
def test_an_invalid_step_of_a_wrong_rollout_is_pushed_down_by_up_to_e(advantage, labels):
    for label, token in zip(labels, shape(advantage, labels)[1:-1], strict=True):
        if label == 0:
            assert -E * abs(advantage) * (1 + 1e-6) <= token <= -abs(advantage) * (1 - 1e-6)


def test_an_invalid_step_is_pushed_down_even_if_the_rollout_did_better_than_its_group():
    """A wrong answer with good process and length rewards can have A > 0; its mistakes are still mistakes."""
    assert shape(0.5, [1, 0, 1]) == pytest.approx([0.5, 0.5, -math.exp(0.5) * 0.5, 0.5, 0.5], rel=1e-6)


@pytest.mark.parametrize("num_steps", [2, 3, 4, 10, 40])
def test_the_factor_falls_from_e_at_the_first_step_to_one_at_the_last(num_steps):
    got = factors(num_steps)
    assert got[0] == pytest.approx(E, rel=1e-12) and got[-1] == pytest.approx(1.0, rel=1e-12)
    assert all(a > b for a, b in pairwise(got))


def test_the_factor_of_every_step_is_the_published_one():
    assert factors(4) == pytest.approx([math.exp(1 - (k - 1) / 3) for k in (1, 2, 3, 4)], rel=1e-12)


def test_the_only_step_of_a_rollout_has_factor_one():
    assert factors(1) == [1.0]
    assert shape(-0.5, [0.0]) == pytest.approx([-0.5, -0.5, -0.5])
    assert shape(0.5, [0.0]) == pytest.approx([0.5, -0.5, 0.5])
    assert shape(-0.5, [1.0]) == pytest.approx([-0.5, 0.5, -0.5])


@pytest.mark.parametrize("base", [1.0, 2.0, 10.0])
def test_another_base_replaces_e(base):
    assert factors(3, base=base) == pytest.approx([base, base**0.5, 1.0], rel=1e-12)


def test_round_factors_rounds_to_two_decimals():
    assert factors(4, round_factors=True) == pytest.approx([2.72, 1.95, 1.4, 1.0], abs=1e-12)
    assert shape(-1.0, [0, 0, 0, 0], round_factors=True)[1:-1] == pytest.approx([-2.72, -1.95, -1.4, -1.0], rel=1e-6)


def test_factors_beyond_the_steps_of_a_rollout_are_zero():
    got = step_factors(torch.tensor([1, 3, 0]), factor_base=E, round_factors=False)
    assert got.shape == (3, 3)
    assert got[0].tolist() == [1.0, 0.0, 0.0] and got[2].tolist() == [0.0, 0.0, 0.0]


@given(signed, labelled, st.booleans())
def test_the_answer_span_never_changes_sign(advantage, labels, wrong):
    """Tags, answer and end token keep A_i."""
    got = shape(advantage, labels, wrong=wrong)
    assert [got[0], got[-1]] == pytest.approx([advantage, advantage], rel=1e-6)


@given(signed, st.integers(1, 10), st.booleans())
def test_a_rollout_whose_labels_are_unknown_keeps_a(advantage, num_steps, wrong):
    got = shape(advantage, [NAN] * num_steps, wrong=wrong)
    assert got == pytest.approx([advantage] * (num_steps + 2), rel=1e-6)


def test_one_unknown_label_leaves_the_other_steps_shaped():
    got = shape(-1.0, [NAN, 1.0, 0.0])
    assert got == pytest.approx([-1.0, -1.0, 1.0, -1.0, -1.0])


@given(signed, labelled, st.booleans(), st.data())
def test_masked_tokens_get_zero(advantage, labels, wrong, data):
    mask = data.draw(st.lists(st.integers(0, 1), min_size=len(labels) + 2, max_size=len(labels) + 2))
    masked = shape(advantage, labels, wrong=wrong, mask=mask)
    free = shape(advantage, labels, wrong=wrong)
    assert masked == [value if keep else 0.0 for value, keep in zip(free, mask, strict=True)]


def test_every_token_of_a_step_gets_the_same():
    got = shape(-1.0, [1.0, 0.0], tokens=[0, 1, 1, 2, 2, 2, 0])
    assert got == pytest.approx([-1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0])


def test_a_step_without_tokens_moves_no_token_of_another():
    """Step 2 has no token of its own; the factors still count it."""
    got = shape(-1.0, [0.0, 0.0, 0.0], tokens=[0, 1, 3, 0])
    assert got == pytest.approx([-1.0, -E, -1.0, -1.0], rel=1e-6)


def test_a_rollout_without_steps_keeps_a():
    assert shape(-0.7, [], tokens=[0, 0, 0]) == pytest.approx([-0.7, -0.7, -0.7])


def test_rows_of_a_batch_do_not_touch_one_another():
    """Rollouts of 3, 1 and 0 steps; the padding of the label matrix is NaN, as for unknown labels."""
    got = shape_advantages(
        torch.tensor([-1.0, 2.0, -3.0], dtype=torch.float64),
        torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]),
        torch.tensor([[1, 2, 3, 0], [1, 0, 0, 0], [0, 0, 0, 0]]),
        torch.tensor([[0.0, 1.0, 0.0], [0.0, NAN, NAN], [NAN, NAN, NAN]], dtype=torch.float64),
        torch.tensor([3, 1, 0]),
        torch.tensor([True, True, True]),
        base=E,
        round_factors=False,
    )
    expected = torch.tensor([[-E, 1.0, -1.0, -1.0], [-2.0, 2.0, 0.0, 0.0], [-3.0, -3.0, -3.0, 0.0]])
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)


def test_the_inputs_are_left_as_they_are():
    tensors = [
        torch.tensor([-1.0]),
        torch.tensor([[1.0, 0.0]]),
        torch.tensor([[1, 0]]),
        torch.tensor([[0.0]]),
        torch.tensor([1]),
        torch.tensor([True]),
    ]
    before = [t.clone() for t in tensors]
    shape_advantages(*tensors, base=E, round_factors=False)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))
