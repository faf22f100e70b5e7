"""Laws of the group-relative advantage A_i, one test each."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.group import group_advantages

values = st.floats(-3, 3).map(lambda x: round(x, 4))


def batches(min_size: int = 1):
    return st.lists(st.tuples(values, st.integers(0, 3)), min_size=min_size, max_size=16).map(
        lambda rows: tuple(zip(*rows, strict=True))
    )


def advantages(rewards, groups, *, norm_by_std=True, missing=None) -> list[float]:
    rewards = rewards if torch.is_tensor(rewards) else torch.tensor(rewards, dtype=torch.float64)
    missing = None if missing is None else torch.tensor(missing)
    return group_advantages(rewards, groups, norm_by_std=norm_by_std, missing=missing).tolist()


def test_the_formula_on_a_group_worked_by_hand():
    """Rewards 1, 0, 0, 1: mean 1/2, unbiased std sqrt(1/3)."""
    expected = 0.5 / (math.sqrt(1 / 3) + 1e-4)
    got = advantages([1.0, 0.0, 0.0, 1.0], ["g"] * 4)
    assert got == pytest.approx([expected, -expected, -expected, expected], rel=1e-12)


def test_without_the_std_the_advantage_is_the_distance_to_the_mean():
    assert advantages([3.0, 0.0, 0.0, 1.0], ["g"] * 4, norm_by_std=False) == pytest.approx(
        [2.0, -1.0, -1.0, 0.0], abs=1e-15
    )


@given(batches())
def test_the_formula_group_by_group_in_plain_loops(batch):
    rewards, groups = batch
    for norm_by_std in (True, False):
        got = advantages(rewards, groups, norm_by_std=norm_by_std)
        for i, (reward, group) in enumerate(zip(rewards, groups, strict=True)):
            members = [r for r, g in zip(rewards, groups, strict=True) if g == group]
            mean = math.fsum(members) / len(members)
            expected = reward - mean if len(members) > 1 else 0.0
            if norm_by_std and len(members) > 1:
                expected /= math.sqrt(math.fsum((r - mean) ** 2 for r in members) / (len(members) - 1)) + 1e-4
            assert got[i] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("reward", [0.1, 0.7, 1 / 3, 2.3, -0.6, 1e-3, 1e6 + 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_rewards_give_exactly_zero(reward, dtype):
    """0.1 repeated three times sums to more than 0.3, so a mean can miss its own members."""
    for size in range(2, 33):
        assert advantages(torch.full((size,), reward, dtype=dtype), [0] * size) == [0.0] * size


def test_equal_sums_of_float32_rewards_give_exactly_zero():
    rows = torch.tensor([[0.1, 0.7, -0.3]], dtype=torch.float32).repeat(7, 1)
    assert advantages(rows, ["g"] * 7) == [0.0] * 7
    assert advantages(rows.sum(dim=1), ["g"] * 7) == [0.0] * 7


def test_rewards_that_are_equal_up_to_the_order_of_summation_give_exactly_zero():
    """(0.1 + 0.2) + 0.3 and (0.3 + 0.2) + 0.1 differ by one bit; its sign must not steer the shaping."""
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    assert advantages([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1], ["g", "g"]) == [0.0, 0.0]
    rows = [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.1, 0.3], [0.2, 0.2, 0.2], [0.4, 0.1, 0.1]]
    assert advantages(rows, ["g"] * 5) == [0.0] * 5


@pytest.mark.parametrize("reward", [0.0, 1.0, -7.3])
def test_a_group_of_one_has_no_advantage(reward):
    assert advantages([reward, 1.0, 2.0], ["alone", "b", "b"])[0] == 0.0


@given(batches(min_size=2))
def test_the_advantages_of_a_group_sum_to_zero(batch):
    rewards, groups = batch
    got = advantages(rewards, groups)
    for group in set(groups):
        assert math.fsum(a for a, g in zip(got, groups, strict=True) if g == group) == pytest.approx(0, abs=1e-6)


@given(batches(), values)
def test_a_group_does_not_depend_on_the_other_groups(batch, shift):
    rewards, groups = batch
    changed = [r if g == groups[0] else r + shift + 1 for r, g in zip(rewards, groups, strict=True)]
    for before, after, group in zip(advantages(rewards, groups), advantages(changed, groups), groups, strict=True):
        if group == groups[0]:
            assert before == after


@given(batches(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(batch, rng):
    rewards, groups = batch
    order = list(range(len(rewards)))
    rng.shuffle(order)
    before = advantages(rewards, groups)
    after = advantages([rewards[i] for i in order], [groups[i] for i in order])
    assert after == pytest.approx([before[i] for i in order], abs=1e-9)


@given(batches())
def test_group_ids_are_names_and_nothing_else(batch):
    rewards, groups = batch
    renamed = [("uid", -g, "x") for g in groups]
    assert advantages(rewards, renamed) == advantages(rewards, groups)


@given(st.lists(st.tuples(values, values, values), min_size=2, max_size=8))
def test_several_rewards_are_one_reward_that_is_their_sum(rows):
    summed = advantages([math.fsum(row) for row in rows], ["g"] * len(rows))
    assert advantages([list(row) for row in rows], ["g"] * len(rows)) == pytest.approx(summed, abs=1e-8)


def test_adding_a_constant_to_a_group_changes_nothing():
    assert advantages([1.5, 0.5, 0.5], ["g"] * 3) == pytest.approx(advantages([1.0, 0.0, 0.0], ["g"] * 3), abs=1e-12)


class TestMissing:
    """A reward that is not known (the judge failed) must not look like a bad one."""

    def test_a_missing_process_reward_does_not_move_the_others(self):
        """Answer and process reward; the third rollout's process reward is unknown, whatever number stands there."""
        rows = [[1.0, 1.0], [0.0, 0.5], [0.5, 0.0]]
        missing = [[False, False], [False, False], [False, True]]
        plain = advantages(rows, ["g"] * 3, missing=missing, norm_by_std=False)
        # Answer: mean 0.5. Process: mean 0.75 of the two known ones, which the third is given.
        assert plain == pytest.approx([0.5 + 0.25, -0.5 - 0.25, 0.0], abs=1e-12)

    @given(values)
    def test_the_number_in_a_missing_cell_is_never_read(self, filler):
        missing = [[False, False], [False, False], [False, True]]
        rows = [[1.0, 1.0], [0.0, 0.5], [0.25, filler]]
        nan = [[1.0, 1.0], [0.0, 0.5], [0.25, math.nan]]
        assert advantages(rows, ["g"] * 3, missing=missing) == advantages(nan, ["g"] * 3, missing=missing)

    def test_the_rollout_keeps_the_advantage_of_its_other_rewards(self):
        rows = [[1.0, 0.3], [0.0, 0.3], [1.0, 0.0]]
        got = advantages(rows, ["g"] * 3, missing=[[False, False], [False, False], [False, True]])
        assert got[0] == pytest.approx(got[2]) and got[1] < 0 < got[2]

    @given(st.lists(st.tuples(values, values, st.booleans(), st.integers(0, 2)), min_size=1, max_size=12))
    def test_advantages_are_finite_whatever_is_missing(self, rows):
        missing = [[False, gone] for _, _, gone, _ in rows]
        got = advantages(
            [[a, math.nan if gone else p] for a, p, gone, _ in rows], [g for *_, g in rows], missing=missing
        )
        assert all(map(math.isfinite, got))

    def test_a_reward_missing_in_a_whole_group_is_as_if_it_did_not_exist(self):
        got = advantages([[1.0, math.nan], [0.0, math.nan]], ["g", "g"], missing=[[False, True], [False, True]])
        assert got == pytest.approx(advantages([1.0, 0.0], ["g", "g"]), abs=1e-12)

    def test_equal_known_rewards_give_exactly_zero(self):
        rows = [[0.1, 0.7], [0.1, 0.7], [0.1, 0.0]]
        assert advantages(rows, ["g"] * 3, missing=[[False, False], [False, False], [False, True]]) == [0.0] * 3

    def test_a_rollout_of_which_nothing_is_known_is_no_member_of_its_group(self):
        """Its failed judgement must not shrink the group's spread: GDPO normalises each reward by itself."""
        known = advantages([0.0, 1.0], ["g"] * 2)
        got = advantages([[0.0], [math.nan], [1.0], [math.nan]], ["g"] * 4, missing=[[False], [True], [False], [True]])
        assert got == [known[0], 0.0, known[1], 0.0]
        alone = advantages([[0.7], [math.nan]], ["g"] * 2, missing=[[False], [True]])
        assert alone == [0.0, 0.0]

    def test_nothing_missing_is_the_same_as_no_mask(self):
        rows = [[0.1, 0.7], [0.4, 0.2], [0.9, 0.0]]
        assert advantages(rows, ["g"] * 3, missing=[[False, False]] * 3) == advantages(rows, ["g"] * 3)


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_not_finite_is_refused(reward):
    """A silent NaN would spread over the group and from there into the weights."""
    with pytest.raises(ValueError, match="finite"):
        advantages([0.0, reward], ["g", "g"])


def test_a_wrong_number_of_groups_is_refused():
    with pytest.raises(ValueError, match="2"):
        advantages([0.0, 1.0, 2.0], ["g", "g"])


def test_the_result_is_float64_of_shape_b():
    out = group_advantages(torch.zeros(3, 2), ["a", "a", "b"], norm_by_std=True, missing=None)
    assert out.dtype == torch.float64 and out.shape == (3,)
