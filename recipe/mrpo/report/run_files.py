"""Reads the files of a run: verl's metrics file and the JSONL dumps. Their content is not trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import numbered_rows
from recipe.mrpo.evaluate.rows.dump import row_fault

logger = logging.getLogger(__name__)


def metrics_by_step(run: Path, *, left_out: Callable[[str], None] = logger.warning) -> dict[int, dict[str, float]]:
    """Metrics of each step over all attempts of a run, the later attempt's value where both have one.

    A resumed run validates the checkpoint that it starts from, under the step that an earlier attempt trained: the
    numbers of both belong to that step. Raises ValueError naming file and line for a row that is not one of metrics; a
    value that is not a number is left out and told.
    """
    files = sorted((run / "metrics").glob("*.jsonl"), key=lambda f: (f.stat().st_mtime_ns, f.name))
    steps: dict[int, dict[str, float]] = {}
    for file in files:
        for number, row in numbered_rows(file, left_out=left_out):
            step, data = row.get("step"), row.get("data")
            if type(step) is not int or not isinstance(data, Mapping):
                raise ValueError(f'{file}:{number} is not a row of metrics: it needs "step", a number, and "data"')
            numbers = {name: value for name, value in data.items() if _is_number(value)}
            if len(numbers) < len(data):
                left_out(f"{file}:{number}: {len(data) - len(numbers)} values are not numbers and were left out")
            steps.setdefault(step, {}).update(numbers)
    return dict(sorted(steps.items()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and (
        not isinstance(value, int) or abs(value) < 2**1000  # the largest integer that a float can hold
    )  # fmt: skip


def dump(run: Path, kind: str, step: int, *, left_out: Callable[[str], None] = logger.warning) -> list[dict[str, Any]]:
    """Rows of `rollouts` or `validation` at a step; none without such a file.

    A row that is not a rollout of MRPO is left out and told, with file and line.
    """
    found: list[dict[str, Any]] = []
    file = run / kind / f"{step}.jsonl"
    if not file.exists():
        return found
    for number, row in numbered_rows(file, left_out=left_out):
        fault = row_fault(row)
        if fault is None:
            found.append(row)
        else:
            left_out(f"{file}:{number} is not a rollout of MRPO: {fault}")
    return found


def steps_of(run: Path, kind: str) -> list[int]:
    """Steps that have a dump, in order."""
    return sorted(_steps((run / kind).glob("*.jsonl")))


def _steps(files: Iterator[Path]) -> Iterator[int]:
    for file in files:
        if file.stem.isascii() and file.stem.isdecimal() and len(file.stem) < 16:
            yield int(file.stem)
