"""A case with its rollout, and the judge's options as a run has them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.judge import Judgement, JudgeRequest, get_judge
from recipe.mrpo.options.tree import OPTIONS_FILE

STEPS = (
    "I need to examine the chest film.",
    "An opacity with air bronchograms is seen in the lower zone of the right lung.",
    "The left lower lobe is consolidated.",
    "Air bronchograms mark consolidation of the right lower lobe.",
)


def make_request(**changes: Any) -> JudgeRequest:
    values: dict[str, Any] = {
        "question": "Which lung lobe is affected?",
        "answer": "right lower lobe",
        "gold_reasoning": "There is a dense opacity in the right lower zone with air bronchograms, so the "
        "consolidation lies in the right lower lobe. No pleural effusion is seen.",
        "steps": STEPS,
        "images": (),
        "may_leave_machine": True,
    }
    return JudgeRequest(**{**values, **changes})


@cache
def _defaults() -> DictConfig:
    return OmegaConf.load(OPTIONS_FILE).judge


def judge_options(**changes: Any) -> dict[str, Any]:
    """The defaults of `mrpo.judge`, quick to retry; `openai__timeout_s=1` sets a nested value."""
    options = copy.deepcopy(_defaults())
    quick = {
        "openai__model": "fake",
        "openai__backoff_base_s": 0.01,
        "openai__backoff_max_s": 0.05,
        "openai__timeout_s": 10,
    }
    for name, value in {**quick, **changes}.items():
        OmegaConf.update(options, name.replace("__", "."), value)
    return OmegaConf.to_container(options, resolve=True)


def ask(request: JudgeRequest, **changes: Any) -> Judgement:
    """One judgement by a judge of its own, in an event loop of its own."""

    async def run() -> Judgement:
        judge = get_judge(judge_options(**changes))
        try:
            return await judge.label(request)
        finally:
            await judge.close()

    return asyncio.run(run())


@pytest.fixture
def request_of() -> Callable[..., JudgeRequest]:
    return make_request


@pytest.fixture
def options_of() -> Callable[..., dict[str, Any]]:
    return judge_options


@pytest.fixture
def asked() -> Callable[..., Judgement]:
    return ask
