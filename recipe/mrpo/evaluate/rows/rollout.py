"""One rollout, as every analysis reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Origin = Literal["train", "validation", "evaluation"]
CONDITIONS = ("image", "no_image", "other_image")


@dataclass(frozen=True)
class Rollout:
    """One answer of a model to one question, with all that is known of it; None is "not known", never 0."""

    run: str
    origin: Origin
    step: int | None
    """Training step of a dump; None for an evaluation."""
    id: str
    question_id: str
    """The same for the same question of a data set in every run."""
    group: str
    """The rollouts that were compared with each other in training; the question elsewhere."""
    sample: int
    data_source: str
    split: str
    index: int | None
    image_ids: tuple[str, ...]
    """SHA-256 of the image bytes where they are known, else the image's name in its source."""
    clusters: dict[str, str]
    """By "image", "patient" and "study" where known: rows that share a value are not independent."""
    question: str
    gold: tuple[str, ...]
    gold_reasoning: str
    modality: str | None
    organ: str | None
    question_type: str | None
    answer_type: str | None
    prompt: str
    output: str
    response_tokens: int | None
    finish_reason: str | None
    answer_logprobs: tuple[float, ...] | None
    """Log-probability of each token of the answer text."""
    condition: str
    """`image`, or `no_image` and `other_image`: does the model look at all?"""
    steps: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    labels: tuple[int, ...] | None
    judge_status: str
    reasons: tuple[str | None, ...] | None
    """The judge's reason for the label of each step."""
    rewards: dict[str, float | None]
    weights: dict[str, float]
    answer: str | None
    wrong: bool | None
    """By the answer reward: R_ans <= tau."""
    verdict: int | None
    """By the judge of answers: 1 right, 0 wrong."""
    advantage: float | None
    step_advantages: tuple[float | None, ...] | None
    failure: str | None
    """Why there is no output or no record; such a rollout is neither right nor wrong."""
    judge: dict[str, Any]
    verdict_status: str | None = None
    """`ok`, `failed:kind`, `skipped:reason`; None: no judge of answers was asked."""
    repeats: tuple[tuple[int, ...] | None, ...] = ()
    """Labels of further judgements of the same steps; None: that judgement failed."""
    language: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    """Kind of the error by the reward that raised it."""
    place: str = ""
    """File and line."""

    @property
    def right(self) -> bool | None:
        return None if self.wrong is None else not self.wrong


@dataclass(frozen=True)
class Part:
    """Rollouts of one file, or of one evaluation."""

    path: Path
    origin: Origin | None
    """None: a single dump file; each row tells by its advantages."""
    step: int | None
