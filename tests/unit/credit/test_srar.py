"""Group-normalised step scores against the formula in loops (arXiv 2605.17291)."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import shape_steps
from recipe.mrpo.credit.shaping.contract import check_shaping

NAN = math.nan


def shaped(advantages, labels, groups, **options) -> list[list[float]]:
    width = max(map(len, labels), default=0)
    table = [[*row, *[NAN] * (width - len(row))] for row in labels]
    return shape_steps(
        "srar",
        get_shaping("srar"),
        torch.tensor(advantages, dtype=torch.float64),
        torch.tensor(table, dtype=torch.float64).reshape(len(labels), width),
        torch.tensor([len(row) for row in labels]),
        torch.tensor([i % 2 == 0 for i in range(len(labels))]),
        groups=groups,
        **options,
    ).tolist()


def in_loops(advantages, labels, groups, weight, divided=True) -> list[list[float]]:
    out = []
    for i, row in enumerate(labels):
        values = []
        for k, label in enumerate(row):
            column = [
                labels[j][k]
                for j in range(len(labels))
                if groups[j] == groups[i] and k < len(labels[j]) and not math.isnan(labels[j][k])
            ]
            std = statistics.stdev(column) if len(column) > 1 else 0.0
            known = not math.isnan(label) and std > 1e-4
            scale = std + 1e-4 if divided else 1.0
            offset = (label - statistics.mean(column)) / scale if known else 0.0
            values.append(advantages[i] + weight * offset)
        out.append(values)
    return out


@st.composite
def batches(draw):
    rows = draw(st.integers(1, 7))
    labels = [draw(st.lists(st.sampled_from([0.0, 1.0, NAN]), max_size=4)) for _ in range(rows)]
    groups = draw(st.lists(st.sampled_from(["a", "b"]), min_size=rows, max_size=rows))
    advantages = draw(st.lists(st.floats(-2, 2), min_size=rows, max_size=rows))
    return advantages, labels, groups, draw(st.floats(0, 3))


@given(batches(), st.booleans())
def test_it_is_the_formula_in_loops(batch, divided):
    advantages, labels, groups, weight = batch
    got = shaped(advantages, labels, groups, step_weight=weight, step_std=divided)
    for row, expected in zip(got, in_loops(advantages, labels, groups, weight, divided), strict=True):
        assert row[: len(expected)] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_step_that_only_some_siblings_got_right_is_credited():
    """Labels of step 1 are 1, 0: mean 1/2, std 1/sqrt 2. Step 2 is right in both and moves nobody."""
    high = 0.5 / (math.sqrt(0.5) + 1e-4)
    assert shaped([0.3, -0.3], [[1.0, 1.0], [0.0, 1.0]], [0, 0]) == [
        pytest.approx([0.3 + high, 0.3]),
        pytest.approx([-0.3 - high, -0.3]),
    ]


def test_without_the_division_a_rare_failure_weighs_as_much_as_it_is_apart():
    """One of four siblings fails: 3/4 below the mean, the others 1/4 above it. The std of 1/2 would double that."""
    labels, groups = [[1.0], [1.0], [1.0], [0.0]], [0] * 4
    assert shaped([0.0] * 4, labels, groups, step_std=False, step_weight=4.0) == [[1.0], [1.0], [1.0], [-3.0]]
    assert shaped([0.0] * 4, labels, groups)[3] == pytest.approx([-1.5], abs=1e-3)


def test_other_groups_do_not_count():
    assert shaped([0.0, 0.0], [[1.0], [0.0]], ["a", "b"]) == [[0.0], [0.0]]


def test_steps_teach_a_group_with_equal_answers():
    assert shaped([0.0, 0.0], [[1.0], [0.0]], ["a", "a"])[0][0] > 0


@pytest.mark.parametrize("weight", [-1, "much", True, NAN])
def test_start_up_names_a_weight_that_is_no_number(weight):
    with pytest.raises(ValueError, match=r"mrpo\.shaping_options\.step_weight must be a number in \[0, 1000\]"):
        check_shaping("srar", shared={}, own={"step_weight": weight})


def test_start_up_names_a_division_that_is_neither_true_nor_false():
    with pytest.raises(ValueError, match=r"mrpo\.shaping_options\.step_std must be true or false, not 1"):
        check_shaping("srar", shared={}, own={"step_std": 1})
