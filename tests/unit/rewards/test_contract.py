"""What every reward keeps to, those of the package and a user's own: one rollout in, a number or "unknown" out."""

from __future__ import annotations

import copy
import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.parsing import parse
from reward_fns.build import BadValue, build_rewards
from reward_fns.registry import REWARDS, RewardInput, register_reward

TEXT = "<think>The lung is dense. The heart is large.</think><answer>right lung</answer>"
VARIANTS = {
    "answer": [{}, {"yes_no": "leading"}],
    "process": [{}],
    "length": [{"mode": "band"}, {"mode": "ecr"}, {"mode": "cwr"}],
    "format": [{}],
    "semantic": [{"enabled": True, "mode": "verdict"}],  # by encoder: test_bertscore.py
}
EVERY = [(name, over) for name, variants in VARIANTS.items() for over in variants]


def one(name, over):
    node = load_options({"rewards": {name: over}}).rewards[name]
    (reward,) = build_rewards({name: node})
    return reward


def rollout(**over) -> RewardInput:
    given = {
        "parsed": parse(TEXT), "prediction": "right lung", "gold": ("right lung",), "gold_reasoning": "It is dense.",
        "num_steps": 2, "labels": (1, 0), "overall": 1, "question": "Where?", "answer_correct": True,
        "extra_info": {"answers": ["right lung"]},
    }  # fmt: skip
    return RewardInput(**given | over)


INPUTS = [
    rollout(),
    rollout(prediction=None, num_steps=0, labels=(), parsed=parse("")),
    rollout(labels=None, overall=None),
    rollout(answer_correct=None),
    rollout(answer_correct=False, prediction="\u202e" * 50, num_steps=300, labels=(0,) * 300),
]


def test_every_registered_reward_of_the_package_is_in_the_table():
    assert set(VARIANTS) <= set(REWARDS.names())
    ours = [name for name in REWARDS.names() if REWARDS.get(name, "x").__module__ == "reward_fns.builtin"]
    assert sorted(VARIANTS) == sorted(ours)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_factory_takes_its_options_by_name_and_has_no_default_beside_options_yaml(name):
    for parameter in inspect.signature(REWARDS.get(name, "x")).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty, parameter


@pytest.mark.parametrize(("name", "over"), EVERY)
def test_a_value_is_a_finite_number_or_unknown_and_the_same_every_time(name, over):
    reward = one(name, over)
    for given in INPUTS:
        value = reward.fn(given)
        assert value is None or (isinstance(value, float) and math.isfinite(value))
        assert reward.fn(given) == value == one(name, over).fn(given)


@pytest.mark.parametrize(("name", "over"), EVERY)
def test_a_rollout_is_not_changed_by_its_reward(name, over):
    reward = one(name, over)
    for given in INPUTS:
        before = copy.deepcopy(given)
        reward.fn(given)
        assert given == before


@pytest.mark.parametrize(("name", "over"), EVERY)
def test_without_labels_a_reward_that_reads_them_is_unknown_and_any_other_is_as_with_them(name, over):
    reward = one(name, over)
    without = reward.fn(rollout(labels=None, overall=None))
    assert without is None if reward.reads_labels else without == reward.fn(rollout()) is not None


# --- a user's own

NUMBERS = [
    (np.float32(0.5), 0.5), (np.float64(-1.0), -1.0), (np.int64(2), 2.0), (np.bool_(True), 1.0), (True, 1.0), (3, 3.0),
    (torch.tensor(0.25), 0.25), (torch.tensor(True), 1.0), (np.array(0.5), 0.5), (Fraction(1, 4), 0.25), (None, None),
]  # fmt: skip
NO_NUMBERS = [
    "0.5", "good", math.nan, math.inf, -math.inf, np.float32("nan"), np.str_("1"), torch.tensor(math.nan), [1.0], (),
    {"score": 1.0}, 1j, np.array([0.5]), torch.ones(2), b"1", 10**400, object(), 1e300,
]  # fmt: skip


def own(value):
    name = f"contract_{len(REWARDS.names())}"
    register_reward(name)(lambda: lambda given: value)
    (reward,) = build_rewards({name: {"weight": 1.0}})
    return reward, name


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_a_number_of_any_library_is_a_number(value, number):
    got = own(value)[0].fn(rollout())
    assert got == number and (got is None or type(got) is float)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_finite_number_is_refused_with_the_option(value):
    reward, name = own(value)
    with pytest.raises(BadValue, match=rf"mrpo\.rewards\.{name}\.function must return a finite number or None, not"):
        reward.fn(rollout())
