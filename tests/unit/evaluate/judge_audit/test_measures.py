"""Measures of step judges: worked tables, laws, and scikit-free oracles written from the definitions."""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.evaluate.judge_audit.measures import by_grade, first_error, flip_rate, kappa_of, measures

PAIRS = st.lists(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 1), min_size=n, max_size=n) for _ in range(2)])
    ),
    min_size=1,
    max_size=12,
)


def values(first, second, **more):
    return {name: m["value"] for name, m in measures(first, second, resamples=0, seed=0, **more).items()}


@pytest.mark.parametrize(
    ("first", "second", "expected", "reason"),
    [
        ([[1, 0]], [[1, 0]], {"agreement": 1, "balanced_accuracy": 1, "macro_f1": 1}, "the same labels"),
        ([[1, 1, 0, 0]], [[1, 0, 0, 0]], {"agreement": 0.75, "balanced_accuracy": 0.75, "macro_f1": (2 / 3 + 0.8) / 2},
         "half of the valid and all invalid steps found; F1 2/3 and 4/5"),
        ([[1, 1]], [[1, 1]], {"balanced_accuracy": None}, "without invalid steps their share is not defined"),
        ([[1, 0, 1], [1, 1, 1]], [[1, 0, 0], [1, 1, 1]], {"first_error_f1": 1.0}, "later steps do not count"),
        ([[1, 0, 1], [1, 1, 1]], [[0, 0, 1], [1, 1, 1]], {"first_error_f1": 0.0, "first_error_f1_within_1": 1.0},
         "one step too early"),
        ([[1, 0, 1], [1, 1, 1]], [[1, 0, 1], [1, 1, 0]], {"first_error_f1": 0.0}, "every free one is accused"),
        ([[0], [0], [1], [1]], [[0], [1], [1], [0]], {"first_error_f1": 0.5}, "half of each"),
        ([[1, 0]], [[1, 0]], {"first_error_f1": None}, "no rollout without an error: its share is not defined"),
    ],
)  # fmt: skip
def test_worked_tables(first, second, expected, reason):
    found = values(first, second)
    for name, value in expected.items():
        assert found[name] == (pytest.approx(value) if value is not None else None), reason


@given(PAIRS)
def test_they_are_the_definitions(pairs):
    first, second = map(list, zip(*pairs, strict=True))
    found = values(first, second)
    flat = [(a, b) for x, y in pairs for a, b in zip(x, y, strict=True)]

    def f1(kind):
        hit = sum(a == b == kind for a, b in flat)
        other = sum((a == kind) != (b == kind) for a, b in flat)
        return 2 * hit / (2 * hit + other) if hit or other else math.nan

    def recall(kind):
        of = [b == kind for a, b in flat if a == kind]
        return fmean(of) if of else math.nan

    expected = {
        "agreement": fmean(a == b for a, b in flat),
        "macro_f1": (f1(0) + f1(1)) / 2,
        "balanced_accuracy": (recall(0) + recall(1)) / 2,
    }
    for within, name in ((0, "first_error_f1"), (1, "first_error_f1_within_1")):
        wrong = [(first_error(a), first_error(b)) for a, b in pairs if 0 in a]
        free = [0 not in b for a, b in pairs if 0 not in a]
        if wrong and free:
            hit = fmean(b is not None and abs(a - b) <= within for a, b in wrong)
            expected[name] = 0.0 if hit + fmean(free) == 0 else 2 * hit * fmean(free) / (hit + fmean(free))
        else:
            expected[name] = math.nan
    for name, value in expected.items():
        assert found[name] == (None if math.isnan(value) else pytest.approx(value)), name


def test_the_interval_holds_the_value_and_narrows_with_more_rollouts():
    few = ([[1, 0, 1], [1, 1, 0], [1, 1, 1], [0, 1, 1]] * 3, [[1, 0, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1]] * 3)
    many = tuple(side * 30 for side in few)
    widths = []
    for first, second in (few, many):
        for m in (found := measures(first, second, resamples=400, seed=1)).values():
            assert m["low"] <= m["value"] <= m["high"]
        widths.append(found["macro_f1"]["high"] - found["macro_f1"]["low"])
    assert widths[1] < widths[0] / 2
    assert measures(*few, resamples=400, seed=1) == measures(*few, resamples=400, seed=1), "the seed decides"


def test_failed_judgements_and_rollouts_without_steps_are_left_out():
    assert values([[1, 0], None, [1], []], [[1, 0], [1], None, []]) == values([[1, 0]], [[1, 0]])
    assert values([None], [None])["agreement"] is None


@pytest.mark.parametrize(
    ("judgements", "rate", "pairs", "reason"),
    [
        ([[[1, 0], [1, 0]]], 0.0, 1, "the same twice"),
        ([[[1, 0], [1, 1]]], 0.5, 1, "one of two labels"),
        ([[[1], [0], [1]]], 2 / 3, 3, "two of three pairs differ"),
        ([[[1, 0], None], [[1], [1]]], 0.0, 1, "a failed judgement makes no pair"),
        ([[None, None]], None, 0, "nothing to compare"),
    ],
)
def test_the_flip_rate_is_over_pairs_of_judgements(judgements, rate, pairs, reason):
    assert flip_rate(judgements) == (rate if rate is None else pytest.approx(rate), pairs), reason


def test_grades_are_compared_by_dimension_and_not_applicable_is_a_grade():
    a = [[{"logic": 1, "grounding": None}, {"logic": 0, "grounding": 1}], None]
    b = [[{"logic": 1, "style": 1}, {"logic": 1, "style": 1}], [{"logic": 1}]]
    assert by_grade(a, b) == {"logic": [(1, 1), (0, 1)]}
    assert kappa_of([(1, 1), (None, None), (0, 0)]) == pytest.approx(1.0)
    assert kappa_of([(1, 1), (1, 1)]) is None and kappa_of([]) is None
