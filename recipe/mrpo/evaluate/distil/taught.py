"""The labelled rollouts of runs, with their images and what is private; what is left out is counted."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import checked_lines
from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.evaluate.judge_audit.rollouts import Rollout, grades_of, rollout_fault, told
from recipe.mrpo.evaluate.rollouts import Part, parts_of, read_part, run_name
from recipe.mrpo.judge.chat.judge import ChatJudge

PRIVATE = ("refuse", "leave_out", "keep")


@dataclass(frozen=True)
class Taught:
    """A labelled rollout with what a row keeps of it."""

    rollout: Rollout
    run: str
    id: str
    reasons: Sequence[str | None] | None
    images: tuple[str, ...] = ()
    private: bool = False


def labelled(runs: Sequence[Path], left: Counter[str]) -> list[Taught]:
    """The rollouts with steps and labels; the others are counted in `left` by their reason."""
    found: list[Taught] = []
    for path in runs:
        for part in parts_of(path):
            of_part = _of_evaluation if part.origin == "evaluation" else _of_dump
            found += of_part(part, run_name(path), left)
    return found


def _of_dump(part: Part, run: str, left: Counter[str]) -> Iterator[Taught]:
    """A line needs what `mrpo judge audit` needs of it: steps, labels and case."""
    faults: dict[int, str] = {}
    lines = 0
    for number, row in checked_lines(part.path):
        lines += 1
        fault = row if isinstance(row, str) else rollout_fault(row)
        if fault is not None or isinstance(row, str):
            faults[number] = fault or ""
            continue
        record, uid = row["mrpo"], str(row.get("uid", number))
        status = record.get("judge_status") or "failed"
        if record["labels"] is None:
            left[f"unknown_{status}"] += 1
        elif not record["labels"]:
            left["no_steps"] += 1
        else:
            steps, judge = record["steps"], record.get("judge")
            step, output = row.get("step", 0), row.get("output")
            name = f"{part.path.stem}/{uid}"
            rollout = Rollout(step, uid, record["labels"], steps, record["case"], grades_of(judge, len(steps)),
                              output if isinstance(output, str) else "")  # fmt: skip
            yield Taught(rollout, run, name, _reasons(judge, len(steps)))
    if faults:
        left["not_a_rollout"] += len(faults)
        print(f"warning: {printable(told(part.path, faults, lines))}", file=sys.stderr)


def _reasons(judge: Any, num_steps: int) -> list[str | None] | None:
    given = judge.get("reasons") if isinstance(judge, dict) else None
    if not isinstance(given, list) or len(given) != num_steps:
        return None
    return [reason if isinstance(reason, str) else None for reason in given]


def _of_evaluation(part: Part, run: str, left: Counter[str]) -> Iterator[Taught]:
    def bad(sentence: str) -> None:
        left["not_a_rollout"] += 1
        print(f"warning: {printable(sentence)}", file=sys.stderr)

    for one in read_part(part, run=run, left_out=bad):
        if one.failure is not None or one.condition != "image":
            left["no_rollout" if one.failure is not None else f"condition_{one.condition}"] += 1
        elif one.labels is None:
            left[f"unknown_{one.judge_status}"] += 1
        elif not one.labels:
            left["no_steps"] += 1
        else:
            index = "" if one.index is None else str(one.index)
            case = {"question": one.question, "gold": list(one.gold), "gold_reasoning": one.gold_reasoning,
                    "data_source": one.data_source, "split": one.split, "index": index}  # fmt: skip
            rollout = Rollout(one.step or 0, one.id, list(one.labels), list(one.steps), case,
                              grades_of(one.judge, len(one.labels)), one.output)  # fmt: skip
            yield Taught(rollout, run, one.id, one.reasons)


def check_grades(taught: Sequence[Taught], judge: ChatJudge) -> None:
    """Raises ValueError if the labels were given by a rubric with other grades."""
    names = judge.rubric.grades.names
    for one in taught:
        for given in one.rollout.grades or ():
            if set(given) != set(names):
                raise ValueError(
                    f"the labels of {one.run} have the grades {printable(', '.join(map(str, given)))}, and "
                    f"mrpo.judge.openai.rubric={judge.settings.rubric} asks for {', '.join(names)}; name the rubric "
                    "that the labels were given by"
                )


def placed(
    taught: Sequence[Taught], rows: Mapping[Any, Mapping[str, Any]] | None, private: str, left: Counter[str]
) -> list[Taught]:
    """The rollouts with the hashes of their images; without an image, or without --data, that of their question.

    Raises ValueError for a rollout without its row in the data, and PermissionError for private rows, by --private.
    """
    found = []
    for one in taught:
        flag, hashes = False, []
        if rows is not None:
            if one.rollout.row not in rows:
                raise ValueError(f"--data has no row {'/'.join(one.rollout.row)}; give the files of the runs")
            row = rows[one.rollout.row]
            flag = not may_leave_machine(row["extra_info"], row=f"row {'/'.join(one.rollout.row)} of --data")
            hashes = [hashlib.sha256(data).hexdigest() for data, _ in Images.of_row(row.get("images")).read]
        if flag and private == "refuse":
            raise PermissionError(
                f"row {'/'.join(one.rollout.row)} is marked may_leave_machine=false, and a model can repeat its "
                "training data; set --private leave_out, or --private keep for a judge that stays here"
            )
        if flag and private == "leave_out":
            left["private"] += 1
            continue
        question = hashlib.sha256(
            "\0".join((*one.rollout.row, one.rollout.case.get("question", ""))).encode()
        ).hexdigest()
        found.append(replace(one, images=tuple(hashes) or (f"question:{question}",), private=flag))
    return found
