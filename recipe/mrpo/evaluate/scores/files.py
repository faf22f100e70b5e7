"""Reads a run and scores it (which of its dumps count together?); writes scores.json of an evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from recipe.mrpo.common.whole_file import write_json
from recipe.mrpo.evaluate.rollouts import Rollout, parts_of, read_rollouts, run_name
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.score import score

SCORES = "scores.json"


def score_path(
    path: Path,
    options: ScoreOptions,
    *,
    also: Sequence[Path] = (),
    origin: str | None = None,
    steps: Collection[int] | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """The scores of a run folder, a dump or an evaluation.

    `also`: runs of the same questions under other conditions. `origin`, `steps`: which dumps of a training run; by
    default the last validation, without one the last training step. Raises ValueError with a sentence.
    """
    left_out: list[str] = []
    name = label or run_name(path)
    rollouts: Iterator[Rollout] = read_rollouts(
        path, label=name, left_out=left_out.append, **which_parts(path, origin=origin, steps=steps)
    )
    others = (read_rollouts(other, label=name, left_out=left_out.append) for other in also)
    beside = (rollout for rollout in chain.from_iterable(others) if rollout.condition != "image")
    return score(chain(rollouts, beside), options, left_out=left_out)


def score_evaluation(folder: Path, options: ScoreOptions | None = None) -> dict[str, Any]:
    """Score the folder of `mrpo evaluate` and write its scores.json whole; phase 3. Raises ValueError, OSError."""
    scores = score_path(folder, options or ScoreOptions())
    write_json(folder / SCORES, scores)
    return scores


def which_parts(path: Path, *, origin: str | None, steps: Collection[int] | None) -> dict[str, Any]:
    """The parts of a run that are scored together, as arguments of `read_rollouts`.

    Steps are not mixed unless they are named: a mean over a whole training says nothing about the model at its end.
    """
    parts = parts_of(path)
    if parts[0].origin == "evaluation":
        return {}
    if path.is_file():
        return {"origins": None if origin is None else [origin], "steps": steps}
    found = {part.origin for part in parts}
    if origin is None:
        origin = "validation" if "validation" in found else next(iter(found))
    if origin is not None and origin not in found:
        raise ValueError(f"{path} has no dumps of {origin}; it has {', '.join(sorted(o for o in found if o))}")
    having = {part.step for part in parts if part.origin == origin and part.step is not None}
    if steps is None:
        steps = [max(having)]
    missing = sorted(set(steps) - having)
    if missing:
        raise ValueError(f"{path} has no {origin} dump of step {missing[0]}; it has {_listed(sorted(having))}")
    return {"origins": None if origin is None else [origin], "steps": list(steps)}


def _listed(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps)) if len(steps) < 8 else f"{len(steps)} steps from {steps[0]} to {steps[-1]}"
