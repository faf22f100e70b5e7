"""Reads what a run has left: verl's metrics file and the JSONL dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import read_jsonl


def metrics_by_step(run: Path) -> dict[int, dict[str, float]]:
    """Metrics of each step over all attempts of a run, the later attempt's value where both have one.

    A resumed run validates the checkpoint that it starts from, under the step that an earlier attempt trained: the
    numbers of both belong to that step.
    """
    files = sorted((run / "metrics").glob("*.jsonl"), key=lambda f: (f.stat().st_mtime_ns, f.name))
    steps: dict[int, dict[str, float]] = {}
    for file in files:
        for row in read_jsonl(file):
            steps.setdefault(int(row["step"]), {}).update(row["data"])
    return dict(sorted(steps.items()))


def dump(run: Path, kind: str, step: int) -> list[dict[str, Any]]:
    """Rows of `rollouts` or `validation` at a step; empty without such a file."""
    file = run / kind / f"{step}.jsonl"
    return list(read_jsonl(file)) if file.exists() else []


def steps_of(run: Path, kind: str) -> list[int]:
    """Steps that have a dump, in order."""
    return sorted(int(file.stem) for file in (run / kind).glob("*.jsonl") if file.stem.isdigit())
