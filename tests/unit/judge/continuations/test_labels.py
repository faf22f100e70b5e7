"""Counts of right continuations become labels by the formula, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.judge.continuations.labels import Count, first_unknown, labels_of

GOLDENS = [
    ([(4, 8), (4, 8)], 0.0, (1,), "an equal share is no fall"),
    ([(4, 8), (3, 8)], 0.0, (0,), "any fall is too much"),
    ([(4, 8), (2, 8)], 0.25, (1,), "a fall of just max_drop is allowed"),
    ([(4, 8), (1, 8)], 0.25, (0,), "a larger one is not"),
    ([(4, 5), (3, 5)], 0.2, (1,), "0.8 - 0.2 is 0.6, which floats miss"),
    ([(0, 8), (0, 8)], 0.0, (1,), "where nothing was reached nothing is lost"),
    ([(8, 8), (0, 8), (0, 8)], 0.25, (0, 1), "the step after the mistake inherits it"),
    ([(0, 8), (8, 8), (4, 8)], 0.25, (1, 0), "a gain is valid"),
    ([(2, 2), (3, 4)], 0.25, (1,), "shares of the known ones, however many these are"),
    ([(8, 8), (0, 8)], 1.0, (1,), "max_drop 1 allows everything"),
]


@pytest.mark.parametrize(("counts", "max_drop", "labels", "why"), GOLDENS, ids=[row[3] for row in GOLDENS])
def test_a_step_is_valid_while_the_share_does_not_fall_by_more_than_max_drop(counts, max_drop, labels, why):
    assert labels_of([Count(*count) for count in counts], max_drop=max_drop) == labels, why


COUNTS = st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=9)


@given(COUNTS, st.integers(0, 100), st.integers(0, 100))
def test_a_larger_max_drop_never_makes_a_step_invalid_and_1_allows_every_step(counts, a, b):
    counts = [Count(*count) for count in counts]
    strict, loose = (labels_of(counts, max_drop=cents / 100) for cents in sorted((a, b)))
    assert all(x <= y for x, y in zip(strict, loose, strict=True)) and len(strict) == len(counts) - 1
    assert set(labels_of(counts, max_drop=1.0)) == {1}


@given(COUNTS, st.integers(2, 5), st.integers(0, 100))
def test_labels_depend_on_the_shares_alone(counts, factor, cents):
    larger = [Count(factor * right, factor * known) for right, known in counts]
    assert labels_of(larger, max_drop=cents / 100) == labels_of([Count(*c) for c in counts], max_drop=cents / 100)


def test_the_first_prefix_with_too_few_known_continuations_is_found():
    counts = [Count(0, 4), Count(1, 1), Count(0, 0)]
    assert [first_unknown(counts, min_known=n) for n in (1, 2, 5)] == [2, 1, 0]
    assert first_unknown(counts[:1], min_known=4) is None
