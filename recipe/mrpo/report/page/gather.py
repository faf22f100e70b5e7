"""Reads one run for the page: its figures, its curves, and the rollouts that the page holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout, parts_of, read_rollouts
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.score import score
from recipe.mrpo.report.page.by_position import ByPosition
from recipe.mrpo.report.page.curves import curves
from recipe.mrpo.report.page.judge_time import JudgeTime
from recipe.mrpo.report.page.sample import GroupSample
from recipe.mrpo.report.run_files import metrics_by_step


@dataclass
class LeftOut:
    """Rows that are not rollouts: their number, and the sentence on the first."""

    count: int = 0
    first: str | None = None

    def __call__(self, sentence: str) -> None:
        self.count += 1
        self.first = self.first or sentence


@dataclass
class Run:
    """A run as the page shows it."""

    name: str
    path: Path
    sets: list[dict[str, Any]] = field(default_factory=list)
    """Scores of each set of rollouts: an evaluation, the first and the last validation, all training rollouts."""
    curves: list[dict[str, Any]] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    sample: GroupSample = field(default_factory=lambda: GroupSample(0))

    def as_json(self, place: int) -> dict[str, Any]:
        return {
            "name": self.name,
            "path": str(self.path),
            "sets": [one | {"run": place} for one in self.sets],
            "curves": self.curves,
            "left_out": self.left_out.count,
            "left_out_first": self.left_out.first,
            "rollouts": self.sample.seen,
            "shown": self.sample.held,
        }


def gather(path: Path, *, name: str, limit: int, options: ScoreOptions) -> Run:
    """Read a training run, a dump file or an evaluation folder once, row by row; at most `limit` rollouts are kept.

    Raises ValueError with a sentence if the path holds no rollouts.
    """
    run = Run(name, path, sample=GroupSample(limit))
    for title, origin, steps, figures in _sets(path):
        positions, judge = ByPosition(), JudgeTime()

        def seen(rollouts: Iterable[Rollout], watchers=(run.sample, positions, judge)) -> Iterator[Rollout]:
            for rollout in rollouts:
                for watcher in watchers:
                    watcher.add(rollout)
                yield rollout

        rollouts = seen(read_rollouts(path, label=name, origins=origin, steps=steps, left_out=run.left_out))
        if not figures:
            for _ in rollouts:
                pass
            continue
        run.sets.append(
            {
                "title": title,
                "origin": next(iter(origin), None) if origin else None,
                "step": steps[0] if steps and len(steps) == 1 else None,
                "scores": score(rollouts, options),
                "positions": positions.rows(),
                "judge_time": judge.summary(),
            }
        )
    if path.is_dir() and (path / "metrics").is_dir():
        run.curves = curves(metrics_by_step(path, left_out=run.left_out))
    return run


def _sets(path: Path) -> Iterator[tuple[str, set[str] | None, list[int] | None, bool]]:
    """(title, origins, steps, figures?) of the sets of a path; validations between the first and the last have none."""
    parts = parts_of(path)
    validated = sorted({part.step for part in parts if part.origin == "validation" and part.step is not None})
    trained = sorted({part.step for part in parts if part.origin == "train" and part.step is not None})
    if not validated and not trained:
        yield "", None, None, True
        return
    if trained:
        span = f"step {trained[0]}" if len(trained) == 1 else f"steps {trained[0]}–{trained[-1]}"
        yield f"training, {span}", {"train"}, None, True
    for step in dict.fromkeys([*validated[:1], *validated[-1:]]):
        yield f"validation, step {step}", {"validation"}, [step], True
    if validated[1:-1]:
        yield "", {"validation"}, validated[1:-1], False
