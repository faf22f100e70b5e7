"""Rollouts of verl's JSONL dumps, in training and validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from recipe.mrpo.common.jsonl import checked_lines
from recipe.mrpo.evaluate.ids import digest
from recipe.mrpo.evaluate.rows.record import Case, Checked, Record, first_fault, made, of_case, of_record
from recipe.mrpo.evaluate.rows.rollout import Part, Rollout


class DumpedRow(Checked):
    """A row of trainer.rollout_data_dir or trainer.validation_data_dir."""

    uid: str
    score: float
    gts: Any = None
    input: str = ""
    output: str = ""
    step: Annotated[int, Field(ge=-1, le=2**53)] | None = None
    mrpo: Record


def row_fault(row: Mapping[str, Any]) -> str | None:
    """Why a row of a dump is not a rollout of MRPO; None if it is one."""
    try:
        DumpedRow.model_validate(row)
    except ValidationError as error:
        return first_fault(error)
    return None


def group_of(uid: str) -> str:
    """The prompt that a dumped row belongs to: its uid is `{prompt}_{session}_{output}`."""
    return uid.rsplit("_", 2)[0]


def rollouts_of(part: Part, *, run: str, left_out: Callable[[str], None]) -> Iterator[Rollout]:
    """The rollouts of a dump file; a row that is none is left out and told.

    So is a row whose record is null: verl's padding rows, which copy the fields of a real one, look like that.
    """
    seen: Counter[str] = Counter()
    for number, row in checked_lines(part.path, left_out=left_out):
        place = f"{part.path}:{number}"
        if isinstance(row, str):
            left_out(f"{place} {row}")
            continue
        try:
            checked = DumpedRow.model_validate(row)
        except ValidationError as error:
            left_out(f"{place} is not a rollout of MRPO: {first_fault(error)}")
            continue
        yield _rollout(checked, part, run, place, seen)


def _rollout(row: DumpedRow, part: Part, run: str, place: str, seen: Counter[str]) -> Rollout:
    record, group = row.mrpo, group_of(row.uid)
    case = record.case or Case()
    about = of_case(case if case.gold else case.model_copy(update={"gold": golds(row.gts)}))
    if not (case.index or case.question):
        about["question_id"] = digest(group)  # nothing says which question it was; its group at least is one
        if not case.image_id:
            about["clusters"] = {"image": about["question_id"]}
    sample = seen[group]
    seen[group] += 1
    origin = part.origin or ("train" if "advantage" in record.model_fields_set else "validation")
    step = part.step if part.step is not None else row.step
    return made(
        run=run,
        origin=origin,
        step=step,
        id=digest(origin, -1 if step is None else step, row.uid),
        group=group,
        sample=sample,
        prompt=row.input,
        output=row.output,
        response_tokens=record.response_tokens,
        place=place,
        **about,
        **of_record(record),
    )


def golds(gts: Any) -> list[str]:
    """verl's column `gts` as right answers: a text, or the texts of a list."""
    return [gts] if isinstance(gts, str) else [g for g in gts if isinstance(g, str)] if isinstance(gts, list) else []
