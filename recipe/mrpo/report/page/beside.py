"""Which evaluation each `--also` belongs to: the one of the same model, asked with the questions' own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recipe.mrpo.evaluate.rollouts import parts_of
from recipe.mrpo.evaluate.scores.compare.run import read_manifest


def beside(paths: Sequence[Path], also: Sequence[Path]) -> list[tuple[Path, ...]]:
    """For each run the evaluations of other conditions that count with it; training runs have none.

    A single evaluation has all of them. Of several, those have it whose manifest names the same model (the hash of the
    checkpoint, or name and address at an endpoint). Raises ValueError with a sentence for one that fits no run.
    """
    found: list[list[Path]] = [[] for _ in paths]
    evaluations = [place for place, path in enumerate(paths) if also and parts_of(path)[0].origin == "evaluation"]
    for other in also:
        fitting = evaluations if len(evaluations) == 1 else [p for p in evaluations if _same_model(paths[p], other)]
        if not fitting:
            why = "names the model of none of the runs" if evaluations else "needs an evaluation among the runs"
            raise ValueError(f"--also {other} {why}: give the folder of mrpo evaluate with the same --model")
        for place in fitting:
            found[place].append(other)
    return [tuple(others) for others in found]


def _same_model(first: Path, second: Path) -> bool:
    models = [(read_manifest(path) or {}).get("model") for path in (first, second)]
    return models[0] is not None and models[0] == models[1]
