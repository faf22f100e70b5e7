"""Options as a run has them: those of options.yaml, with a test's own values over them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.options import AnswerOptions
from reward_fns.build import build_rewards
from reward_fns.builtin import AnswerReward
from reward_fns.registry import RewardInput


@pytest.fixture(scope="session")
def answer_options() -> Callable[..., AnswerOptions]:
    def make(**over: Any) -> AnswerOptions:
        (reward,) = build_rewards({"answer": load_options({"rewards": {"answer": over}}).rewards.answer})
        assert isinstance(reward.fn, AnswerReward)
        return reward.fn.options

    return make


@pytest.fixture
def rollout() -> Callable[..., RewardInput]:
    def make(**over: Any) -> RewardInput:
        given = {
            "parsed": SimpleNamespace(text="", think=(), well_formed=True),
            "prediction": "right lung",
            "gold": ("right lung",),
            "gold_reasoning": "The opacity is in the right lung.",
            "num_steps": 5,
            "labels": (1, 0),
            "overall": None,
            "question": "Where is the opacity?",
            "answer_correct": True,
            "extra_info": {},
        }
        return RewardInput(**{**given, **over})

    return make
