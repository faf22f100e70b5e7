"""Laws and golden values of step credit with its parts by option, and of the forms of the factor."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.contract import check_shaping
from recipe.mrpo.credit.shaping.factors import FORMS, formed_factors
from recipe.mrpo.credit.shaping.mrpo import step_advantages

E = math.e
NAN = math.nan
SHARED = {"factor_base": E, "round_factors": False}
MEAN = (E + math.sqrt(E) + 1) / 3


def factors(steps: int, form: str, *, equal_mean: bool = False, base: float = E, rounded: bool = False) -> list[float]:
    return formed_factors(
        torch.tensor([steps]), form=form, equal_mean=equal_mean, factor_base=base, round_factors=rounded
    )[0].tolist()


def shape(advantage, labels, *, wrong=True, **options) -> list[float]:
    out = get_shaping("step_credit").rule(
        torch.tensor([advantage], dtype=torch.float64),
        torch.tensor([labels], dtype=torch.float64),
        torch.tensor([len(labels)]),
        torch.tensor([wrong]),
        **SHARED,
        **options,
    )
    return out[0].tolist()


@pytest.mark.parametrize(
    ("form", "equal_mean", "expected", "reason"),
    [
        ("exponential", False, [E, math.sqrt(E), 1], "the published form: exponents 1, 1/2, 0"),
        ("linear", False, [E, (E + 1) / 2, 1], "the same ends on a straight line"),
        ("flat", False, [1, 1, 1], "the sign alone"),
        ("flat", True, [MEAN] * 3, "one factor with the mean of the exponential ones"),
        ("reversed", False, [1, math.sqrt(E), E], "the last step the hardest"),
        ("reversed", True, [1, math.sqrt(E), E], "its mean is that of the exponential one already"),
    ],
)
def test_the_factors_of_three_steps(form, equal_mean, expected, reason):
    assert factors(3, form, equal_mean=equal_mean) == pytest.approx(expected, rel=1e-12), reason


@given(st.sampled_from(FORMS), st.integers(1, 40), st.floats(1, 50), st.booleans())
def test_equal_mean_gives_every_form_the_mean_of_the_exponential_one(form, steps, base, rounded):
    given_mean = sum(factors(steps, form, equal_mean=True, base=base, rounded=rounded))
    assert given_mean == pytest.approx(sum(factors(steps, "exponential", base=base, rounded=rounded)), rel=1e-9)


@given(st.sampled_from(FORMS), st.booleans())
def test_the_only_step_has_factor_one_and_no_step_has_none(form, equal_mean):
    assert factors(1, form, equal_mean=equal_mean) == [1.0]
    both = formed_factors(torch.tensor([0, 2]), form=form, equal_mean=equal_mean, **SHARED)
    assert both[0].tolist() == [0.0, 0.0] and (both[1] > 0).all()


@given(
    st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=1, max_size=10),
    st.floats(-3, 3),
    st.booleans(),
)
def test_without_options_it_is_the_published_rule(labels, advantage, wrong):
    published = step_advantages(
        torch.tensor([advantage], dtype=torch.float64),
        torch.tensor([labels], dtype=torch.float64),
        torch.tensor([len(labels)]),
        torch.tensor([wrong]),
        **SHARED,
    )
    assert shape(advantage, labels, wrong=wrong) == published[0].tolist()


@pytest.mark.parametrize(
    ("advantage", "labels", "wrong", "options", "expected", "reason"),
    [
        (-1.0, [1, 0, 1], True, {"valid_of_wrong": "keep"}, [-1, -math.sqrt(E), -1], "valid steps keep A"),
        (0.5, [1, 0, 1], True, {"valid_of_wrong": "keep"}, [0.5, -math.sqrt(E) / 2, 0.5], "the same with A > 0"),
        (-1.0, [1, 0, 1, 0], True, {"after_first_failure": "keep"}, [1, -(E ** (2 / 3)), -1, -1], "A from k* + 1 on"),
        (-1.0, [0, NAN, 1], True, {"after_first_failure": "keep"}, [-E, -1, -1], "an unknown step is no failure"),
        (2.0, [1, 0, 1], False, {"invalid_of_right": 1.0}, [2, 0, 2], "p = 1 takes a positive A to 0"),
        (2.0, [1, 0, 1], False, {"invalid_of_right": 2}, [2, -2, 2], "p = 2 turns it round"),
        (-1.0, [1, 0, 1], False, {"invalid_of_right": 0.5}, [-1, -1.5, -1], "a right answer below its group's mean"),
        (2.0, [NAN, 0], False, {"invalid_of_right": 1.0}, [2, 0], "an unknown label keeps A"),
        (-1.0, [0, 1], True, {"invalid_of_right": 1.0}, [-E, 1], "wrong rollouts do not change with it"),
    ],
)
def test_each_part_changes_what_its_name_says(advantage, labels, wrong, options, expected, reason):
    assert shape(advantage, labels, wrong=wrong, **options) == pytest.approx(expected, rel=1e-12), reason


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=8), st.floats(-3, 3), st.floats(0, 2))
def test_the_penalty_in_a_right_rollout_is_bounded(labels, advantage, penalty):
    for value in shape(advantage, labels, wrong=False, invalid_of_right=penalty):
        assert abs(value) <= (1 + penalty) * abs(advantage) + 1e-12


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"factor": "cubic"}, "mrpo.shaping_options.factor must be one of exponential, linear, flat, reversed, not"),
        ({"equal_mean": "yes"}, "mrpo.shaping_options.equal_mean must be true or false, not 'yes'."),
        ({"valid_of_wrong": 1}, "mrpo.shaping_options.valid_of_wrong must be one of up, keep, not 1."),
        ({"after_first_failure": None}, "mrpo.shaping_options.after_first_failure must be one of shape, keep"),
        ({"invalid_of_right": 3}, "mrpo.shaping_options.invalid_of_right must be a number in [0, 2], not 3."),
        ({"invalid_of_right": True}, "mrpo.shaping_options.invalid_of_right must be a number in [0, 2], not True."),
        ({"invalid_of_right": NAN}, "mrpo.shaping_options.invalid_of_right must be a number in [0, 2], not nan."),
        ({"faktor": "flat"}, "mrpo.shaping_options.faktor is not an option of mrpo.shaping=step_credit"),
    ],
)
def test_start_up_names_the_option_that_is_wrong(options, says):
    with pytest.raises(ValueError) as error:
        check_shaping("step_credit", shared=SHARED, own=options)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_start_up_lets_good_options_pass():
    check_shaping("step_credit", shared=SHARED, own={"factor": "flat", "equal_mean": True, "invalid_of_right": 0.5})


def test_right_rollouts_are_labelled_only_if_they_are_changed():
    rule = get_shaping("step_credit")
    assert not rule.changes_right({}) and not rule.changes_right({"invalid_of_right": 0})
    assert rule.changes_right({"invalid_of_right": 0.1})
