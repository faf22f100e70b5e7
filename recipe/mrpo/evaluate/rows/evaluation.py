"""Rollouts of the folder of `mrpo evaluate`: the newest generation of each id with the newest judgement of it.

Both files are append-only, so an id may stand in several lines. One pass over each file remembers the place of the last
line of each id, the second reads those lines; texts are never all in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from recipe.mrpo.common.jsonl import placed_lines, row_at
from recipe.mrpo.evaluate.ids import output_hash
from recipe.mrpo.evaluate.rows.record import (
    Case,
    Checked,
    Count,
    Label,
    Number,
    Record,
    Text,
    first_fault,
    made,
    of_case,
    of_record,
)
from recipe.mrpo.evaluate.rows.rollout import CONDITIONS, Rollout

GENERATIONS, JUDGEMENTS = "generations.jsonl", "judgements.jsonl"


class Generation(Checked):
    """A line of generations.jsonl."""

    id: str
    question_id: str
    sample: Count
    data_source: str
    split: str
    output: Text
    case: Case
    index: str | int | None = None
    image_sha256: list[str] | None = None
    image_id: Text = None
    prompt: Text = None
    response_tokens: Count | None = None
    finish_reason: Text = None
    answer_logprobs: list[Number] | None = None
    condition: Literal[CONDITIONS] = "image"
    failure: Text = None


class Verdict(Checked):
    """What the judge of answers said."""

    label: Label | None = None
    status: str = "ok"


class Judgement(Checked):
    """A line of judgements.jsonl."""

    id: str
    mrpo: Record | None = None
    answer_verdict: Verdict | None = None
    repeats: list[list[Label] | None] | None = None
    output_hash: Text = None


def rollouts_of(folder: Path, *, run: str, left_out: Callable[[str], None]) -> Iterator[Rollout]:
    """The rollouts of an evaluation in the order of their (newest) generations; lines that are none are told."""
    generations = _last_lines(folder / GENERATIONS, Generation, left_out)
    judgements = folder / JUDGEMENTS
    judged = _last_lines(judgements, Judgement, left_out) if judgements.is_file() else {}
    files = [folder / GENERATIONS, *([judgements] if judged else [])]
    opened = [file.open("rb") for file in files]
    try:
        for name, (offset, number) in generations.items():
            generation = Generation.model_validate(row_at(opened[0], offset))
            place = judged.get(name)
            judgement = None if place is None else Judgement.model_validate(row_at(opened[1], place[0]))
            if judgement and judgement.output_hash not in (None, output_hash(generation.output)):
                judgement = None  # it judged a generation that was replaced since
            yield _rollout(generation, judgement, run, f"{folder / GENERATIONS}:{number}")
    finally:
        for file in opened:
            file.close()


def _last_lines(file: Path, model: type[Any], left_out: Callable[[str], None]) -> dict[str, tuple[int, int]]:
    """By id the place (offset, number of the line) of its newest sound line, in the order of these lines."""
    found: dict[str, tuple[int, int]] = {}
    for number, offset, row in placed_lines(file, left_out=left_out):
        if isinstance(row, str):
            left_out(f"{file}:{number} {row}")
            continue
        try:
            name = model.model_validate(row).id
        except ValidationError as error:
            left_out(f"{file}:{number} is not a {model.__name__.lower()}: {first_fault(error)}")
            continue
        found.pop(name, None)
        found[name] = offset, number
    return found


def _rollout(generation: Generation, judgement: Judgement | None, run: str, place: str) -> Rollout:
    said = {name: getattr(generation, name) for name in ("data_source", "split", "index", "image_id")}
    case = generation.case.model_copy(update={name: value for name, value in said.items() if value not in (None, "")})
    about = of_case(case, image_ids=tuple(generation.image_sha256 or ()))
    about["question_id"] = generation.question_id
    record = of_record(judgement.mrpo if judgement else None)
    failure = None
    if generation.output is None:
        failure = generation.failure or "no_output"
    if judgement is None or judgement.mrpo is None:
        record["judge_status"] = f"skipped:{'no_output' if failure else 'not_judged'}"
    verdict = judgement.answer_verdict if judgement else None
    count = len(record["steps"])
    repeats = () if judgement is None else judgement.repeats or ()
    return made(
        run=run,
        origin="evaluation",
        step=None,
        id=generation.id,
        group=generation.question_id,
        sample=generation.sample,
        prompt=generation.prompt or "",
        output=generation.output or "",
        response_tokens=generation.response_tokens,
        finish_reason=generation.finish_reason,
        answer_logprobs=_logprobs(generation.answer_logprobs),
        condition=generation.condition,
        failure=failure,
        verdict=verdict.label if verdict and verdict.status == "ok" else None,
        verdict_status=verdict.status if verdict else None,
        # Labels of a repeat that are not one for each step cannot be laid beside the others.
        repeats=tuple(tuple(r) if r is not None and len(r) == count else None for r in repeats),
        place=place,
        **about,
        **record,
    )


def _logprobs(given: list[float | None] | None) -> tuple[float, ...] | None:
    """The log-probabilities of the answer; not known if one of them is not."""
    if not given or any(value is None for value in given):
        return None
    return tuple(value for value in given if value is not None)
