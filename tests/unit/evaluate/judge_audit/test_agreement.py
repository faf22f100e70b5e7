from __future__ import annotations

import pytest

from recipe.mrpo.evaluate.judge_audit.agreement import Confusion, compare, kappa_interval


@pytest.mark.parametrize(
    ("cells", "agreement", "kappa", "why"),
    [
        ((20, 5, 10, 15), 0.7, 0.4, "the worked example of the literature"),
        ((5, 0, 0, 5), 1.0, 1.0, "of one mind"),
        ((0, 5, 5, 0), 0.0, -1.0, "never of one mind"),
        ((25, 25, 25, 25), 0.5, 0.0, "no better than chance"),
        ((10, 0, 0, 0), 1.0, None, "one label only: not defined"),
        ((0, 0, 0, 0), None, None, "nothing to compare"),
    ],
)
def test_kappa_is_agreement_beyond_chance(cells, agreement, kappa, why):
    confusion = Confusion(*cells)
    assert confusion.agreement == (None if agreement is None else pytest.approx(agreement)), why
    assert confusion.kappa == (None if kappa is None else pytest.approx(kappa)), why


def test_judges_are_compared_step_by_step_where_both_answered():
    audit = compare([(1, 0, 1), None, (1,), (0, 0)], [(1, 1, 1), (1,), (0,), None])
    assert audit.confusion == Confusion(both_valid=2, only_first=1, only_second=1, both_invalid=0)
    assert [p.total for p in audit.by_position] == [2, 1, 1]
    assert [p.agreement for p in audit.by_position] == [0.5, 0.0, 1.0]
    assert (audit.rollouts, audit.first_failed, audit.second_failed) == (2, 1, 1)


@pytest.mark.parametrize(("first", "second"), [([(1,)], []), ([(1,)], [(1, 0)])])
def test_judges_of_different_rollouts_are_not_compared(first, second):
    with pytest.raises(ValueError):
        compare(first, second)


def test_the_interval_holds_equal_judges_at_one_and_is_none_where_kappa_is():
    labels = [[1, 0, 1], [0, 1], [1, 1, 0]] * 5
    assert kappa_interval(labels, labels, resamples=200, seed=0) == (1.0, 1.0)
    assert kappa_interval([[1, 1]] * 4, [[1, 1]] * 4, resamples=50, seed=0) is None
    assert kappa_interval([], [], resamples=50, seed=0) is None


def test_the_interval_narrows_with_more_rollouts():
    first, second = [[1, 0, 1, 0]], [[1, 0, 0, 0]]
    other = [[0, 1, 1]]
    widths = []
    for times in (5, 80):
        low, high = kappa_interval((first + other) * times, (second + other) * times, resamples=400, seed=0)
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
