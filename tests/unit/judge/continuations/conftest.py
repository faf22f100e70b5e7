"""A case that a server goes on from: how many of its continuations are right is said for each prefix."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from recipe.mrpo.judge.protocol import GivenRollout, JudgeRequest

STEPS = ("The lung is clear on the left.", "The lower lobe is white.", "So it is the right lower lobe.")
TEXT = f"<think>{' '.join(STEPS)}</think><answer>right lower lobe</answer>"
PROMPT = (("user", ("Which lobe is affected?",)),)
RIGHT, WRONG = "</think><answer>right lower lobe</answer>", "</think><answer>left upper lobe</answer>"


def prefixes(steps: Sequence[str] = STEPS) -> tuple[str, ...]:
    return tuple("<think>" + " ".join(steps[:k]) for k in range(len(steps) + 1))


def prefix_of(body: dict[str, Any]) -> str:
    """What a request is to go on from; "": it asks for an answer as usual."""
    last = body["messages"][-1]
    return last["content"] if last["role"] == "assistant" else ""


def continuing(right: Sequence[int], steps: Sequence[str] = STEPS) -> Callable[[dict[str, Any]], str]:
    """The first `right[k]` continuations of prefix k are right, the others wrong."""
    asked: Counter[str] = Counter()
    counters = {prefix.rstrip(): itertools.count() for prefix in prefixes(steps)}

    def says(body: dict[str, Any]) -> str:
        prefix = prefix_of(body)
        asked[prefix] += 1
        k = [p.rstrip() for p in prefixes(steps)].index(prefix)
        return RIGHT if next(counters[prefix]) < right[k] else WRONG

    return says


@pytest.fixture
def case_of(request_of) -> Callable[..., JudgeRequest]:
    def made(**changes: Any) -> JudgeRequest:
        given = {
            "question": "Which lobe is affected?",
            "answer": "right lower lobe",
            "gold_reasoning": "",
            "steps": STEPS,
            "rollout": GivenRollout(PROMPT, prefixes()),
        }
        return request_of(**{**given, **changes})

    return made


@pytest.fixture
def judged(asked) -> Callable[..., Any]:
    """One judgement with 4 continuations of each prefix, 2 of which must be known."""

    def run(server: Any, request: JudgeRequest, **changes: Any) -> Any:
        given = {"name": "continuations", "openai__base_url": server.base_url, "continuations__n": 4,
                 "continuations__min_known": 2}  # fmt: skip
        return asked(request, **{**given, **changes})

    return run
