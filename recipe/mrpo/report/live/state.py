"""What is known of a running job, from its files: metrics, the newest dump, the lines of an evaluation."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.rows.dump import row_fault
from recipe.mrpo.report.live.follow import Follower
from recipe.mrpo.report.run_files import steps_of

PHASES = ("generations", "judgements")
KEPT_ROWS = 256
"""Rollouts of the newest dump that are kept to choose from."""


@dataclass
class JobState:
    """A job's folder; `look` reads what is new in it."""

    folder: Path
    metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    """Numbers by training step; a later attempt's value where both have one."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Rollouts of the newest dump."""
    rows_step: int | None = None
    lines: dict[str, int] = field(default_factory=dict)
    """Lines of generations.jsonl and judgements.jsonl."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers of an evaluation by right, wrong and unknown."""
    judge: Counter[str] = field(default_factory=Counter)
    """Judgements of an evaluation by their status."""
    left_out: int = 0
    """Lines that could not be read."""
    faults: list[str] = field(default_factory=list)
    """Files that could not be read at the last look, with the reason."""
    _files: dict[Path, Follower] = field(default_factory=dict)

    def look(self) -> bool:
        """Read what was added since the last look; True if anything was."""
        changed = False
        for file in sorted((self.folder / "metrics").glob("*.jsonl")):
            for row in self._follow(file):
                changed |= self._take_metrics(row)
        for name in PHASES:
            for row in self._follow(self.folder / f"{name}.jsonl"):
                changed = True
                self.lines[name] = self.lines.get(name, 0) + 1
                if name == "judgements":
                    self._take_judgement(row)
        changed |= self._look_at_dump()
        self.faults = [follower.fault for follower in self._files.values() if follower.fault is not None]
        self.left_out = sum(follower.bad for follower in self._files.values())
        return changed

    @property
    def step(self) -> int | None:
        """The last training step that has numbers."""
        return max((n for n, data in self.metrics.items() if "timing_s/step" in data), default=None)

    def seconds_a_step(self) -> float | None:
        """Mean of the last ten steps."""
        known = [self.metrics[n]["timing_s/step"] for n in sorted(self.metrics) if "timing_s/step" in self.metrics[n]]
        return sum(known[-10:]) / len(known[-10:]) if known else None

    def series(self, name: str) -> list[float]:
        """The values of a metric, step by step; steps without it are left out."""
        return [data[name] for _, data in sorted(self.metrics.items()) if name in data]

    def _follow(self, file: Path):
        return self._files.setdefault(file, Follower(file)).new_rows()

    def _take_metrics(self, row: dict[str, Any]) -> bool:
        step, data = row.get("step"), row.get("data")
        if type(step) is not int or not isinstance(data, dict):
            return False
        numbers = {
            name: float(value)
            for name, value in data.items()
            if type(value) in (int, float) and abs(value) < 2**1000 and math.isfinite(value)
        }
        self.metrics.setdefault(step, {}).update(numbers)
        return True

    def _take_judgement(self, row: dict[str, Any]) -> None:
        record = row.get("mrpo")
        record = record if isinstance(record, dict) else {}
        wrong = record.get("wrong")
        self.answers["unknown" if not isinstance(wrong, bool) else "wrong" if wrong else "right"] += 1
        self.judge[str(record.get("judge_status") or "no record")[:60]] += 1

    def _look_at_dump(self) -> bool:
        steps = steps_of(self.folder, "rollouts")
        if not steps:
            return False
        newest = steps[-1]
        if newest != self.rows_step:
            self.rows_step, self.rows = newest, []
            for file in [f for f in self._files if f.parent.name == "rollouts"]:
                del self._files[file]
        before = len(self.rows)
        for row in self._follow(self.folder / "rollouts" / f"{newest}.jsonl"):
            if len(self.rows) < KEPT_ROWS and row_fault(row) is None:
                self.rows.append(row)
        return len(self.rows) > before
