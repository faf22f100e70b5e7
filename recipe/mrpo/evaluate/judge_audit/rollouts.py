"""Labelled rollouts of dumps, their rows of the data, and labels by people; files are checked line by line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import checked_lines
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.endpoint.prompt_turns import turns_of
from recipe.mrpo.evaluate.data_rows import RowKey, keyed_rows
from recipe.mrpo.judge.protocol import GivenRollout, JudgeRequest
from recipe.mrpo.rollout.prefixes import prefixes_by_texts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rollout:
    """A labelled rollout of a dump: its place, its labels, and the case for a judge."""

    step: int
    uid: str
    labels: list[int]
    steps: list[str]
    case: dict[str, Any]
    grades: list[dict[str, int | None]] | None = None
    """The first judge's grades of each step, where the dump has them (mrpo.judge.grades)."""
    output: str = ""
    """The rollout as it was written; "": the line does not have it."""

    @property
    def row(self) -> RowKey:
        return tuple(str(self.case.get(name, "")) for name in ("data_source", "split", "index"))


def labelled_rollouts(files: Sequence[Path], *, left_out: Callable[[str], None] = logger.warning) -> list[Rollout]:
    """Rollouts of the dumps that have steps and labels.

    A line that is not a rollout of MRPO is left out; `left_out` is called with one sentence a file. Raises ValueError
    for a file in which no line is one.
    """
    found = []
    for file in files:
        faults: dict[int, str] = {}
        sound = 0
        for number, row in checked_lines(file):
            fault = row if isinstance(row, str) else rollout_fault(row)
            if fault is not None:
                faults[number] = fault
                continue
            sound += 1
            if row["mrpo"]["labels"]:
                found.append(_rollout(row))
        if faults:
            sentence = told(file, faults, sound + len(faults))
            if not sound:
                raise ValueError(f"{sentence}; give files of trainer.rollout_data_dir or trainer.validation_data_dir")
            left_out(sentence)
    return found


def told(file: Path, faults: Mapping[int, str], lines: int) -> str:
    """One sentence on the lines of a file that cannot be used."""
    number, fault = next(iter(faults.items()))
    return f"{file}: {len(faults)} of {lines} lines are left out, the first is line {number}: {fault}"


def rollout_fault(row: Mapping[str, Any]) -> str | None:
    """Why a line of a dump is not a rollout of MRPO with usable labels; None if it is one."""
    record = row.get("mrpo")
    if not isinstance(record, dict) or not {"steps", "labels", "case"} <= set(record):
        return "it is not a rollout of MRPO"
    steps, labels, case = record["steps"], record["labels"], record["case"]
    if not _are_texts(steps):
        return "its steps must be a list of texts"
    if labels is not None and (fault := labels_fault(labels, len(steps))):
        return fault
    if not isinstance(case, dict) or not _are_texts(case.get("gold") or []):
        return "its case must be an object with a list of gold answers"
    if not all(isinstance(case.get(name, ""), str) for name in ("question", "gold_reasoning")):
        return "question and gold_reasoning of its case must be texts"
    if type(row.get("step", 0)) is not int:
        return "its step must be a whole number"
    return None


def labels_fault(labels: object, num_steps: int | None) -> str | None:
    """The fault of these labels for `num_steps` steps (None: any number); None if there is no fault."""
    # type(), not isinstance: true is not a label, nor are 1.0 and "1".
    if not isinstance(labels, list) or any(type(label) is not int or label not in (0, 1) for label in labels):
        return "labels must be a list of 0 and 1"
    if num_steps is not None and len(labels) != num_steps:
        return f"it has {num_steps} steps and {len(labels)} labels"
    return None


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _rollout(row: Mapping[str, Any]) -> Rollout:
    record = row["mrpo"]
    steps, case = record["steps"], record["case"]
    grades = grades_of(record.get("judge"), len(steps))
    output = row.get("output")
    return Rollout(
        row.get("step", 0), str(row.get("uid", "")), record["labels"], steps, case, grades,
        output if isinstance(output, str) else "",
    )  # fmt: skip


def grades_of(judge: object, num_steps: int) -> list[dict[str, int | None]] | None:
    """The grades of a record, if it has one set for each step; anything else is none: labels are what counts."""
    given = judge.get("grades") if isinstance(judge, dict) else None
    if not isinstance(given, list) or len(given) != num_steps:
        return None
    for one in given:
        if not isinstance(one, dict) or any(
            v is not None and (type(v) is not int or v not in (0, 1)) for v in one.values()
        ):
            return None
    return given


def requests_of(rollouts: Sequence[Rollout], rows: Mapping[RowKey, Mapping[str, Any]] | None) -> list[JudgeRequest]:
    """Requests with image and privacy flag of the data's rows; without `rows` no image, and nothing may leave.

    Raises ValueError for a rollout without its row in the data, and for a row with a flag that is not a boolean.
    """
    made = []
    for rollout in rollouts:
        images, private, given = Images(), True, None
        if rows is not None:
            if rollout.row not in rows:
                raise ValueError(f"--data has no row {'/'.join(rollout.row)}; give the files that the run was made of")
            row = rows[rollout.row]
            # Files made of another release, or of a part of it, count their rows otherwise: the image would be another.
            asked = row["extra_info"].get("question")
            if None not in (asked, rollout.case.get("question")) and asked != rollout.case["question"]:
                raise ValueError(
                    f"row {'/'.join(rollout.row)} of --data has another question than the rollout; give the files that "
                    "the run was made of"
                )
            images = Images.of_row(row.get("images"))
            turns = turns_of(row.get("prompt"), placeholders=bool(images.read) or images.problem is not None)
            given = GivenRollout(turns, prefixes_by_texts(rollout.output, rollout.steps), row["extra_info"])
            private = not may_leave_machine(row["extra_info"], row=f"row {'/'.join(rollout.row)} of --data")
        gold = rollout.case.get("gold") or [""]
        made.append(
            JudgeRequest(
                question=rollout.case.get("question", ""),
                answer=gold[0],
                alternatives=tuple(gold[1:]),
                gold_reasoning=rollout.case.get("gold_reasoning", ""),
                steps=tuple(rollout.steps),
                images=images.read,
                unread_image=images.problem,
                may_leave_machine=not private,
                rollout=given,
            )
        )
    return made


def data_rows(files: Sequence[Path], wanted: Collection[RowKey]) -> dict[RowKey, dict[str, Any]]:
    """The wanted rows of parquet files by (data_source, split, index); the others' images are not kept in memory."""
    return {key: row for key, row in keyed_rows(files) if key in wanted}


def labels_by_people(file: Path, rollouts: Sequence[Rollout]) -> list[list[int] | None]:
    """Labels of {"step": …, "uid": …, "labels": […]} lines for each rollout, None where the file has none.

    Raises ValueError, with the number of bad lines and the first of them, for labels that are not 0 or 1, not one for
    each step, or given twice, and for a file without any.
    """
    by_key = {(rollout.step, rollout.uid): rollout for rollout in rollouts}
    given: dict[tuple[int, str], list[int]] = {}
    faults: dict[int, str] = {}
    lines = 0
    for number, row in checked_lines(file):
        lines += 1
        fault = row if isinstance(row, str) else _labelled_fault(row, given, by_key)
        if fault is not None:
            faults[number] = fault
        elif isinstance(row, dict):
            given[row["step"], str(row["uid"])] = row["labels"]
    if faults:
        number, fault = next(iter(faults.items()))
        raise ValueError(f"{file}: {len(faults)} of {lines} lines cannot be used, the first is line {number}: {fault}")
    if not given:
        raise ValueError(f"{file} has no labels; give lines of step, uid and labels with --labels")
    return [given.get((rollout.step, rollout.uid)) for rollout in rollouts]


def _labelled_fault(
    row: Mapping[str, Any], given: Collection[tuple[int, str]], rollouts: Mapping[tuple[int, str], Rollout]
) -> str | None:
    if not {"step", "uid", "labels"} <= set(row) or type(row["step"]) is not int:
        return 'it needs "step" (a whole number), "uid" and "labels"'
    key = row["step"], str(row["uid"])
    if key in given:
        return f"rollout {key[1]} of step {key[0]} stands twice"
    rollout = rollouts.get(key)
    return labels_fault(row["labels"], None if rollout is None else len(rollout.steps))
