"""What is read of a rollout's record (recipe/mrpo/rollout/record.py), checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from recipe.mrpo.evaluate.ids import question_id
from recipe.mrpo.evaluate.rows.rollout import Rollout


def _known(value: Any) -> Any:
    """None for nan and infinity, which JSON's readers take: a number that no one computed is not known."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_known)]
Text = str | None
Count = Annotated[int, Field(ge=0, le=2**53)]
Label = Literal[0, 1]


class Checked(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Case(Checked):
    """What a rollout was about (`Row.case`, and more in an evaluation)."""

    question: Text = None
    gold: list[str] | None = None
    gold_reasoning: Text = None
    image_id: Text = None
    image_sha256: Text = None
    data_source: Text = None
    split: Text = None
    index: str | int | None = None
    answer_type: Text = None
    question_type: Text = None
    modality: Text = None
    organ: Text = None
    language: Text = None
    patient: str | int | None = None
    study: str | int | None = None


class Record(Checked):
    """The record of one judged rollout."""

    steps: list[str]
    labels: list[Label] | None
    judge_status: str
    rewards: dict[str, Number]
    weights: dict[str, float]
    answer: Text
    wrong: bool | None
    spans: list[tuple[int, int]] | None = None
    response_tokens: Count | None = None
    advantage: Number = None
    step_advantages: list[Number] | None = None
    case: Case | None = None
    judge: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("spans"), list):
            given = {**given, "spans": [tuple(s) if isinstance(s, list) else s for s in given["spans"]]}
        return given

    @model_validator(mode="after")
    def _one_value_a_step(self) -> Record:
        for name in ("spans", "labels", "step_advantages"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.steps):
                raise ValueError(f"{len(self.steps)} steps and {len(values)} {name}")
        if set(self.rewards) - set(self.weights):
            raise ValueError("a reward without a weight")
        return self

    @property
    def reasons(self) -> tuple[str | None, ...] | None:
        """The judge's reason for each step; None where there are none, or not one for each step."""
        given = (self.judge or {}).get("reasons")
        if not isinstance(given, list) or len(given) != len(self.steps):
            return None
        return tuple(reason if isinstance(reason, str) else None for reason in given)


def first_fault(error: ValidationError) -> str:
    """The first fault that the check found, without the value: `mrpo.labels.1: Input should be 0 or 1`."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg'].removeprefix('Value error, ')}"


def of_record(record: Record | None) -> dict[str, Any]:
    """Fields of a Rollout that its record gives; without one all are not known."""
    if record is None:
        return dict(
            steps=(), spans=(), labels=None, judge_status="skipped:no_record", reasons=None, rewards={}, weights={},
            answer=None, wrong=None, advantage=None, step_advantages=None, judge={}, errors={},
        )  # fmt: skip
    return dict(
        steps=tuple(record.steps),
        spans=tuple(record.spans or ()),
        labels=None if record.labels is None else tuple(record.labels),
        judge_status=record.judge_status,
        reasons=record.reasons,
        rewards=record.rewards,
        weights=record.weights,
        answer=record.answer,
        wrong=record.wrong,
        advantage=record.advantage,
        step_advantages=None if record.step_advantages is None else tuple(record.step_advantages),
        judge={name: value for name, value in (record.judge or {}).items() if name != "reasons"},
        errors={name: str(kind) for name, kind in (record.errors or {}).items()},
    )


def of_case(case: Case, *, image_ids: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields of a Rollout that its case gives. `image_ids`: hashes of the images, where they are known.

    Without any image and hash a question is a cluster of its own.
    """
    asked = question_id(case.model_dump(include={"data_source", "split", "index", "image_id", "question"}))
    source = case.data_source or ""
    if not image_ids and case.image_sha256:
        image_ids = (case.image_sha256,)
    images = image_ids or ((case.image_id,) if case.image_id else ())
    # A hash names an image in every set; a name, as "1.jpg", only within its own.
    image = "+".join(image_ids) if image_ids else f"{source}/{case.image_id}" if case.image_id else asked
    clusters = {"image": image}
    for name, value in (("patient", case.patient), ("study", case.study)):
        if value not in (None, ""):
            clusters[name] = f"{source}/{value}"
    index = case.index if isinstance(case.index, int) else _whole(case.index)
    return dict(
        question_id=asked,
        data_source=source,
        split=case.split or "",
        index=index,
        image_ids=images,
        clusters=clusters,
        question=case.question or "",
        gold=tuple(case.gold or ()),
        gold_reasoning=case.gold_reasoning or "",
        modality=case.modality or None,
        organ=case.organ or None,
        question_type=case.question_type or None,
        answer_type=case.answer_type or None,
        language=case.language or None,
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None


def made(**fields: Any) -> Rollout:
    """A Rollout; what the file does not say is not known."""
    absent = dict(
        answer_logprobs=None, condition="image", verdict=None, failure=None, finish_reason=None, prompt="",
        response_tokens=None,
    )  # fmt: skip
    return Rollout(**(absent | fields))
