"""Reads one run for the page: its figures, its curves, and the rollouts that the page holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout, parts_of, read_rollouts
from recipe.mrpo.evaluate.scores.columns import columns_of
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.score import scores_of
from recipe.mrpo.report.page.by_position import ByPosition
from recipe.mrpo.report.page.curves import curves
from recipe.mrpo.report.page.judge_time import JudgeTime
from recipe.mrpo.report.page.pass_at import which_k
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
    also: tuple[Path, ...] = ()
    """Evaluations of the same questions without the image, or with another one's."""
    sets: list[dict[str, Any]] = field(default_factory=list)
    """Scores of each set of rollouts: an evaluation, the first and the last validation, all training rollouts."""
    curves: list[dict[str, Any]] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    sample: GroupSample = field(default_factory=lambda: GroupSample(0))

    def as_json(self, place: int) -> dict[str, Any]:
        return {
            "name": self.name,
            "path": str(self.path),
            "also": [str(path) for path in self.also],
            "sets": [one | {"run": place} for one in self.sets],
            "curves": self.curves,
            "left_out": self.left_out.count,
            "left_out_first": self.left_out.first,
            "rollouts": self.sample.seen,
            "shown": self.sample.held,
        }


def gather(path: Path, *, name: str, limit: int, options: ScoreOptions, also: Sequence[Path] = ()) -> Run:
    """Read a training run, a dump file or an evaluation folder once, row by row; at most `limit` rollouts are kept.

    `also`: evaluations of the same questions under other conditions, as `mrpo score --also`; only an evaluation has
    them. Without `options.pass_at` pass@k is given for as many answers as the questions have. Raises ValueError with a
    sentence if a path holds no rollouts.
    """
    run = Run(name, path, tuple(also), sample=GroupSample(limit))
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
        columns = columns_of(chain(rollouts, _beside(run)), cluster=options.cluster)
        run.sets.append(
            {
                "title": title,
                "origin": next(iter(origin), None) if origin else None,
                "step": steps[0] if steps and len(steps) == 1 else None,
                "scores": scores_of(columns, replace(options, pass_at=options.pass_at or which_k(columns))),
                "positions": positions.rows(),
                "judge_time": judge.summary(),
            }
        )
    if path.is_dir() and (path / "metrics").is_dir():
        run.curves = curves(metrics_by_step(path, left_out=run.left_out))
    return run


def _beside(run: Run) -> Iterator[Rollout]:
    """The rollouts of other conditions; the list shows them, too. Raises ValueError for a run that has none."""
    for path in run.also:
        found = 0
        for rollout in read_rollouts(path, label=run.name, left_out=run.left_out):
            if rollout.condition != "image":
                found += 1
                run.sample.add(rollout)
                yield rollout
        if not found:
            raise ValueError(f"--also {path} has no answer without the image or with another one; see --condition")


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
