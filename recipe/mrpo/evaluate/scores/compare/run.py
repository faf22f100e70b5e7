"""A run's answers by question, and what it was made of."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns, columns_of
from recipe.mrpo.evaluate.scores.files import which_parts
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.outcomes import counted, outcome
from recipe.mrpo.evaluate.scores.stages import stage_of

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Run:
    """One value a question; arrays (Q,) in the order of the names of the questions."""

    name: str
    path: Path
    questions: list[str]
    sets: list[str]
    clusters: np.ndarray
    """Number of the cluster of each question, in this run alone."""
    images: list[str]
    text: np.ndarray
    """Number of the question's text and gold answers; another text is another question."""
    samples: np.ndarray
    right: np.ndarray
    """Share of samples that are right; not known counts as wrong."""
    unknown: np.ndarray
    """Samples that are not known."""
    early: np.ndarray
    """Share of samples whose reasoning fails early; unknown labels count as no failure."""
    valid: np.ndarray
    steps: np.ndarray
    """Valid steps and labelled steps, summed over the samples."""
    labels_unknown: int
    left_out: list[str]
    manifest: dict[str, Any] | None
    conditions: tuple[int, ...]


def read_run(
    path: Path, options: ScoreOptions, *, name: str, origin: str | None = None, steps: Collection[int] | None = None
) -> Run:
    """Read a run once. Raises ValueError if it holds no rollouts, or none that the options could score."""
    left_out: list[str] = []
    parts = which_parts(path, origin=origin, steps=steps)
    columns = columns_of(read_rollouts(path, label=name, left_out=left_out.append, **parts), cluster=options.cluster)
    if not len(columns):
        raise ValueError(
            f"{path} has no rollout to compare" + (f"; the first fault: {left_out[0]}" if left_out else "")
        )
    if options.answers == "verdict" and not (columns.verdict >= 0).any():
        raise ValueError(f"{path}: no answer has a verdict; set --answers reward to take the answer reward")
    return _run(columns, options, name, path, left_out)


def _run(columns: Columns, options: ScoreOptions, name: str, path: Path, left_out: list[str]) -> Run:
    conditions = tuple(int(c) for c in np.unique(columns.condition))
    labels_unknown = int((columns.valid == UNKNOWN).sum())
    columns = columns.where(counted(columns, options))
    numbers, first, place = np.unique(columns.question, return_index=True, return_inverse=True)
    samples = np.bincount(place)
    result = outcome(columns, options)
    labelled = (columns.valid != UNKNOWN) & (columns.steps > 0)
    ffp = np.where(labelled, columns.ffp, np.nan)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(place, weights=values.astype(float), minlength=len(numbers))

    def named(column: str) -> list[str]:
        names = columns.names[column]
        return ["(not known)" if n == UNKNOWN else names[n] for n in columns.data[column][first]]

    return Run(
        name=name,
        path=path,
        questions=named("question"),
        sets=named("data_source"),
        clusters=columns.cluster[first],
        images=named("image"),
        text=columns.text[first],
        samples=samples,
        right=summed(result == 1) / samples,
        unknown=summed(result == UNKNOWN),
        early=summed(stage_of(ffp, options.cuts[0]) == 0) / samples,
        valid=summed(np.where(labelled, columns.valid, 0)),
        steps=summed(np.where(labelled, columns.steps, 0)),
        labels_unknown=labels_unknown,
        left_out=left_out,
        manifest=read_manifest(path),
        conditions=conditions,
    )


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The sections of an evaluation's manifest; None for another run. Raises ValueError for a file that is none."""
    file = path / MANIFEST
    if not path.is_dir() or not file.is_file():
        return None
    try:
        sections = json.loads(file.read_text(encoding="utf-8")).get("sections")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is not the manifest of an evaluation: {error}") from error
    if not isinstance(sections, dict):
        raise ValueError(f"{file} is not the manifest of an evaluation: it has no sections")
    return sections
