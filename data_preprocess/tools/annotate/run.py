"""Annotating rows: which are asked about, one request after another, and the file that holds what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_preprocess.reasoning.annotation import BadReply, rubric
from data_preprocess.source.errors import DataError
from data_preprocess.source.text import is_yes_no, row_key
from data_preprocess.tools.annotate.asking import Model
from data_preprocess.tools.annotate.counts import OutOfBudget, Run
from data_preprocess.tools.rows import iter_questions
from recipe.mrpo.common.printable import printable
from recipe.mrpo.common.signals import Stopped, heeded
from recipe.mrpo.endpoint.privacy import may_leave_machine

MAX_LINE = 400
"""Characters of the line about a row that failed."""

FIRST_FIELD = b'{"image_name"'
"""How every line of ours begins."""


def read_done(file: Path, *, model: str) -> set[tuple[str, str, str]]:
    """Keys that the output has for this model and rubric; a last line that was cut off is removed.

    Raises DataError if the file holds anything else.
    """
    if not file.exists():
        return set()
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    cut_off = data[len(whole) :]
    done = set()
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
            key = row_key(entry["image_name"], entry["question"], entry["answer"])
            if (entry["model"], entry["rubric"]) == (model, rubric()[1]):
                done.add(key)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # or not UTF-8
            raise DataError(f"{file.name}:{number} is not an annotation of this tool; name another --out") from error
    if cut_off:
        if not cut_off.startswith(FIRST_FIELD[: len(cut_off)]):
            raise DataError(f"the end of {file.name} is not an annotation of this tool; name another --out")
        file.write_bytes(whole)
    return done


def pending(
    files: Sequence[Path], done: set[tuple[str, str, str]], run: Run, *, everything: bool
) -> Iterator[dict[str, Any]]:
    """Rows to ask about, each (image, question, answer) once; the others are counted in `run.passed_over`."""
    seen: set[tuple[str, str, str]] = set()
    for file in files:
        for row in iter_questions(file):
            info = row["extra_info"]
            key = row_key(info["image_id"], info["question"], info["answer"])
            if not everything and info["gold_reasoning"] is not None:
                run.passed_over["have gold reasoning (--all asks about them too)"] += 1
            elif not everything and is_yes_no(info["answer"]):
                run.passed_over["are answered by yes or no (--all asks about them too)"] += 1
            elif key in done:
                run.passed_over["were annotated before"] += 1
            elif key in seen:
                run.passed_over["are there twice"] += 1
            else:
                seen.add(key)
                yield row


async def annotate(rows: Iterator[dict[str, Any]], out: Path, run: Run, model: Model) -> None:
    """Ask about rows, `model.concurrency` at a time, and append what passes the checks.

    A row that fails is counted, and the next one is asked about. After Ctrl-C or SIGTERM the requests under way are
    waited for and written, because they are paid for; then Stopped is raised. A second signal ends
    at once. Raises PermissionError for a row that may not go to the endpoint, ValueError for one that does not say so
    clearly.
    """
    today = datetime.now(UTC).date().isoformat()
    with out.open("a", encoding="utf-8") as stream, _finishing_first(run):

        async def worker() -> None:
            for row in rows:  # shared between the workers; `next` never waits, so two cannot get the same row
                if run.stopping:
                    run.left += run.gone
                    return
                info = row["extra_info"]
                shown = may_leave_machine(info, row=f"the row of {info['image_id']}")
                model.require(may_leave_machine=shown)
                try:
                    reasoning = await model.reasoning(row)
                except OutOfBudget:
                    run.left += 1
                    continue
                except BadReply as error:
                    run.failed[error.kind] += 1
                    # Neither question nor reply of a private row stands in a log.
                    said = f"{info['question']} -> {model.hide(str(error))}" if shown else error.kind
                    print(printable(f"{info['image_id']}: {said}", MAX_LINE), file=sys.stderr)
                    continue
                entry = {
                    "image_name": info["image_id"], "question": info["question"], "answer": info["answer"],
                    "reasoning": reasoning, "source": f"{model.name}, rubric {rubric()[1]}, {today}",
                    "model": model.name, "rubric": rubric()[1], "date": today,
                }  # fmt: skip
                stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
                stream.flush()
                run.written += 1

        async def work() -> None:
            try:
                await worker()
            except Exception:
                run.halted = True  # this row cannot be asked about; running calls are already paid for
                raise

        ended = await asyncio.gather(*(work() for _ in range(model.concurrency)), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error
    if run.stopped_by is not None:
        raise Stopped(run.stopped_by)
    if run.gone:
        run.left += sum(1 for _ in rows)


@contextmanager
def _finishing_first(run: Run) -> Iterator[None]:
    """Meanwhile a first signal only stops the asking; a second one has its usual effect."""
    loop = asyncio.get_running_loop()
    numbers = heeded()

    def stop(number: int) -> None:
        run.stopped_by = number
        print("the requests under way are waited for; once more ends at once", file=sys.stderr)
        for each in numbers:
            loop.remove_signal_handler(each)

    changed = threading.current_thread() is threading.main_thread()
    if changed:
        for number in numbers:
            loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        if changed:
            for number in numbers:
                loop.remove_signal_handler(number)
