"""Runs of tokens: every token gets the value of its step, whatever lies under the mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.token_runs import TokenRuns

WIDTH = 9


@st.composite
def rows(draw):
    """(spans, mask) of a few rows: gaps, empty spans, spans beyond the width; masks with and without gaps."""
    out = []
    for _ in range(draw(st.integers(1, 4))):
        edges = sorted(draw(st.lists(st.integers(0, WIDTH + 2), max_size=8)))
        spans = list(zip(edges[::2], edges[1::2], strict=False))
        length = draw(st.integers(0, WIDTH))
        prefix = [int(t < length) for t in range(WIDTH)]
        out.append(
            (spans, draw(st.one_of(st.just(prefix), st.lists(st.integers(0, 1), min_size=WIDTH, max_size=WIDTH))))
        )
    return out


def slow(spans, mask, values, outside):
    row = [outside] * WIDTH
    for k, (t0, t1) in enumerate(spans):
        for t in range(t0, min(t1, WIDTH)):
            row[t] = values[k]
    return [value * m for value, m in zip(row, mask, strict=True)]


def ends(batch, guess):
    """Lengths as the records have them, or others: 0, the width, beyond it."""
    return {"right": [sum(m) for _, m in batch], "none": [0] * len(batch), "width": [WIDTH] * len(batch),
            "beyond": [WIDTH + 3] * len(batch)}[guess]  # fmt: skip


guesses = st.sampled_from(["right", "none", "width", "beyond"])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.bool])
@given(batch=rows(), guess=guesses)
def test_each_token_under_the_mask_has_the_value_of_its_step(dtype, batch, guess):
    mask, lengths = torch.tensor([m for _, m in batch]).to(dtype), ends(batch, guess)
    per_step = torch.arange(1.0, 6.0, dtype=torch.float64).repeat(len(batch), 1)
    outside = torch.full((len(batch),), -1.0, dtype=torch.float64)
    runs = TokenRuns.of([spans for spans, _ in batch], mask, lengths)
    got = runs.spread(per_step, outside)
    assert got.dtype == torch.float32
    assert got.tolist() == [slow(spans, m, per_step[0].tolist(), -1.0) for spans, m in batch]


@given(batch=rows(), guess=guesses)
def test_tokens_under_the_mask_are_counted_by_what_happened_to_them(batch, guess):
    mask, lengths = torch.tensor([m for _, m in batch]), ends(batch, guess)
    per_step = torch.tensor([[1.0, -2.0, -1.0, 3.0, -5.0]], dtype=torch.float64).repeat(len(batch), 1)
    outside = torch.full((len(batch),), -1.0, dtype=torch.float64)
    runs = TokenRuns.of([spans for spans, _ in batch], mask, lengths)
    flat = [
        v
        for spans, m in batch
        for v, u in zip(slow(spans, [1] * WIDTH, per_step[0].tolist(), -1.0), m, strict=True)
        if u
    ]
    assert runs.changed_tokens(per_step, outside) == {
        "up": sum(v > -1 for v in flat), "down": sum(v < -1 for v in flat), "unchanged": flat.count(-1.0),
    }  # fmt: skip
