"""What an engine is asked for, and what it gives back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from recipe.mrpo.evaluate.phases.questions import Question
from recipe.mrpo.evaluate.phases.stop import Stop


@dataclass(frozen=True, slots=True)
class Task:
    """One answer to one question. `image_of`: number of the question whose images are shown (None: no image)."""

    id: str
    question: Question
    sample: int
    seed: int
    image_of: int | None
    input_hash: str
    shown: tuple[str, ...] = ()
    """SHA-256 of the images that are shown."""
    problem: str | None = None
    """Why the model cannot be asked at all, as a kind of failure."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The answer of a model, or the kind of failure.

    `starts`, `ends`: the characters of `output` that each token touches; None where the engine reports no tokens.
    `logprobs`: log probability of each token, likewise.
    """

    output: str | None = None
    failure: str | None = None
    detail: str = ""
    prompt: str = ""
    finish_reason: str | None = None
    response_tokens: int | None = None
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None
    logprobs: Sequence[float] | None = None


class Engine(Protocol):
    """Answers tasks; `run` calls `done` for each of `todo`, as it comes, until all are answered or `stop` is set.

    `tasks` are all tasks of the evaluation in order: an engine whose numbers depend on what is computed together forms
    its batches from them, so that an interrupted evaluation goes on with the same batches.
    """

    def run(
        self, tasks: Sequence[Task], todo: Collection[str], *, done: Callable[[Task, Generated], None], stop: Stop
    ) -> None: ...

    def close(self) -> None: ...


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON value, as 16 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seed_of(name: str, seed: int) -> int:
    """The seed of one answer: the same in every run, another for each sample of a question."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:4], "big") & 0x7FFFFFFF
