"""FFP, FAR, stage shares and the FAR curve on labels worked by hand (1 valid, 0 invalid)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.rollout.first_failure import failure_after, far_by_ffp, first_failure_position, stage, stage_shares

THIRDS = (1 / 3, 2 / 3)


@pytest.mark.parametrize(
    ("labels", "ffp", "far"),
    [
        pytest.param([1, 1, 1], None, None, id="no invalid step: no FFP, no FAR"),
        pytest.param([], None, None, id="no step"),
        pytest.param([1], None, None, id="one valid step"),
        pytest.param([0], 0.0, 0.0, id="K = 1: FFP 0, and nothing after it"),
        pytest.param([0, 1, 1], 0.0, 0.0, id="first step, then recovered"),
        pytest.param([0, 0, 0], 0.0, 1.0, id="never recovered"),
        pytest.param([1, 1, 0], 1.0, 0.0, id="last step: none after it"),
        pytest.param([1, 0, 1], 0.5, 0.0, id="middle step, then recovered"),
        pytest.param([1, 0, 0], 0.5, 1.0, id="middle step, not recovered"),
        pytest.param([1, 0, 1, 0, 1], 0.25, 1 / 3, id="one of three after it"),
        pytest.param([0, 0, 1, 0, 1], 0.0, 0.5, id="the first failure itself does not count in FAR"),
        pytest.param([1, 0], 1.0, 0.0, id="K = 2, second step"),
        pytest.param([0, 1], 0.0, 0.0, id="K = 2, first step"),
    ],
)
def test_first_failure_position_and_failure_after_it(labels, ffp, far):
    assert first_failure_position(labels) == pytest.approx(ffp)
    assert failure_after(labels) == pytest.approx(far)


@given(st.lists(st.integers(0, 1), max_size=30))
def test_both_are_defined_exactly_when_a_step_is_invalid_and_lie_between_zero_and_one(labels):
    ffp, far = first_failure_position(labels), failure_after(labels)
    assert (ffp is not None) == (far is not None) == (0 in labels)
    if ffp is not None:
        assert 0 <= ffp <= 1 and 0 <= far <= 1


@given(st.lists(st.integers(0, 1), min_size=2, max_size=30))
def test_valid_steps_at_the_end_raise_neither(labels):
    """More good steps after a failure move it to the front and thin out the failures."""
    if 0 in labels:
        assert first_failure_position([*labels, 1]) <= first_failure_position(labels)
        assert failure_after([*labels, 1]) <= failure_after(labels)


@pytest.mark.parametrize(
    ("k", "num_steps", "name"),
    [
        (1, 1, "early"),
        (1, 9, "early"),
        (2, 5, "early"),  # 1/4
        (2, 4, "mid"),  # 1/3 is no longer below 1/3
        (3, 7, "mid"),  # 2/6 likewise
        (2, 3, "mid"),
        (3, 4, "late"),  # 2/3 is no longer below 2/3
        (5, 7, "late"),  # 4/6 likewise
        (7, 10, "late"),  # 6/9 likewise
        (3, 3, "late"),
        (2, 2, "late"),
    ],
)
def test_stages_are_thirds_open_at_their_upper_end(k, num_steps, name):
    labels = [1] * (k - 1) + [0] + [1] * (num_steps - k)
    assert stage(first_failure_position(labels), cuts=THIRDS) == name


def test_other_cuts_move_the_stages():
    assert [stage(x, cuts=(0.2, 0.5)) for x in (0.0, 0.2, 0.49, 0.5, 1.0)] == ["early", "mid", "mid", "late", "late"]


def test_stage_shares_are_over_the_rollouts_that_fail():
    rollouts = [[0, 1, 1], [0], [1, 0, 1], [1, 1, 0], [1, 1, 1], []]
    assert stage_shares(rollouts, cuts=THIRDS) == pytest.approx({"early": 0.5, "mid": 0.25, "late": 0.25})


def test_stage_shares_name_every_stage_or_none():
    assert stage_shares([[0]], cuts=THIRDS) == {"early": 1.0, "mid": 0.0, "late": 0.0}
    assert stage_shares([[1, 1], []], cuts=THIRDS) == {}


def curve(rollouts, width=0.2) -> dict[tuple[float, float], tuple[float, int]]:
    return {(round(a, 9), round(b, 9)): v for (a, b), v in far_by_ffp(rollouts, width=width).items()}


@pytest.mark.parametrize(
    ("k", "num_steps", "low"),
    [
        (1, 1, 0.0),
        (1, 6, 0.0),
        (2, 6, 0.2),
        (3, 6, 0.4),
        (4, 6, 0.6),  # 0.6 / 0.2 is 2.9999999999999996 in floating point
        (5, 6, 0.8),
        (6, 6, 0.8),  # FFP 1 belongs to the last bin
        (7, 11, 0.6),
        (10, 16, 0.6),
        (13, 16, 0.8),
        (2, 7, 0.0),
    ],
)
def test_bins_are_closed_at_their_lower_end(k, num_steps, low):
    labels = [1] * (k - 1) + [0] + [1] * (num_steps - k)
    assert list(curve([labels])) == [(low, round(low + 0.2, 9))]


def test_the_curve_is_the_mean_over_the_rollouts_of_a_bin():
    rollouts = [[0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0], [1, 1], []]
    assert curve(rollouts) == {(0.0, 0.2): (pytest.approx(0.5), 3), (0.8, 1.0): (0.0, 1)}


def test_the_curve_of_rollouts_without_failure_is_empty():
    assert far_by_ffp([[1, 1], [1], []], width=0.2) == {}


@given(
    st.lists(st.lists(st.integers(0, 1), max_size=20), max_size=10),
    st.sampled_from([0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 1.0]),
)
def test_every_failing_rollout_is_counted_in_one_bin(rollouts, width):
    bins = far_by_ffp(rollouts, width=width)
    assert sum(count for _, count in bins.values()) == sum(0 in labels for labels in rollouts)
    assert all(0 <= low < high <= 1 + 1e-9 and 0 <= far <= 1 for (low, high), (far, _) in bins.items())
    edges = [low for low, _ in bins]
    assert edges == sorted(edges)
