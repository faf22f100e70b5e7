"""The one reader of rollouts: from a training run, a dump file or the folder of an evaluation, row by row.

Nothing is held but the row at hand (of an evaluation also one place in the file for each id), so that 100,000 rollouts
are read in the memory of one. A row that is not a rollout is left out and told; it never vanishes in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from recipe.mrpo.evaluate.rows import dump, evaluation
from recipe.mrpo.evaluate.rows.rollout import Origin, Part, Rollout

__all__ = ["Part", "Rollout", "parts_of", "read_part", "read_rollouts", "run_name"]

logger = logging.getLogger(__name__)

FOLDERS: dict[str, Origin] = {"rollouts": "train", "validation": "validation"}
"""Folders of a training run (trainer.rollout_data_dir, trainer.validation_data_dir), with the origin of their rows."""


def parts_of(path: Path) -> list[Part]:
    """What a path holds, in order of steps, training before validation.

    Raises ValueError with a sentence if it holds no rollouts at all.
    """
    if path.is_file():
        if path.suffix != ".jsonl":
            raise ValueError(f"{path} is not a file of rollouts: their names end in .jsonl")
        origin = FOLDERS.get(path.resolve().parent.name)
        return [Part(path, origin, _step(path))]
    if not path.is_dir():
        raise ValueError(
            f"{path} does not exist; give a run's OUTPUT_DIR, one of its dumps or the folder of mrpo evaluate"
        )
    if (path / evaluation.GENERATIONS).is_file():
        return [Part(path, "evaluation", None)]
    named = [(folder, origin) for folder, origin in FOLDERS.items() if (path / folder).is_dir()]
    folders = [(path / folder, origin) for folder, origin in named] or [(path, FOLDERS.get(path.resolve().name))]
    parts = [
        Part(file, origin, _step(file))
        for folder, origin in folders
        for file in folder.glob("*.jsonl")
        if _step(file) is not None
    ]
    if not parts:
        raise ValueError(
            f"{path} has no rollouts: neither rollouts/STEP.jsonl nor validation/STEP.jsonl (set trainer."
            f"rollout_data_dir and trainer.validation_data_dir) nor {evaluation.GENERATIONS} (mrpo evaluate)"
        )
    return sorted(parts, key=lambda part: (part.step, part.origin != "train", part.path.name))


def _step(file: Path) -> int | None:
    stem = file.stem
    return int(stem) if stem.isascii() and stem.isdecimal() and len(stem) < 16 else None


def read_rollouts(
    path: Path,
    *,
    label: str | None = None,
    origins: Collection[str] | None = None,
    steps: Collection[int] | None = None,
    left_out: Callable[[str], None] = logger.warning,
) -> Iterator[Rollout]:
    """The rollouts of a run folder, a dump file or an evaluation folder, one at a time.

    `label`: the name of the run, by default the folder's. `origins`, `steps`: only these parts of a training run.
    `left_out` is called with one sentence, file and line first, for each row that is not a rollout. Raises ValueError
    for a path without rollouts.
    """
    path = Path(path)
    name = label or run_name(path)
    for part in parts_of(path):
        if origins is not None and part.origin is not None and part.origin not in origins:
            continue
        if steps is not None and part.step is not None and part.step not in steps:
            continue
        for rollout in read_part(part, run=name, left_out=left_out):
            if (origins is None or rollout.origin in origins) and (steps is None or rollout.step in (None, *steps)):
                yield rollout


def read_part(part: Part, *, run: str, left_out: Callable[[str], None] = logger.warning) -> Iterator[Rollout]:
    """The rollouts of one part; as `read_rollouts`."""
    if part.origin == "evaluation":
        yield from evaluation.rollouts_of(part.path, run=run, left_out=left_out)
    else:
        yield from dump.rollouts_of(part, run=run, left_out=left_out)


def run_name(path: Path) -> str:
    """The folder of a run as its name: of a dump file the folder that holds `rollouts/` or `validation/`."""
    full = Path(path).resolve()
    if full.is_file():
        return full.parent.parent.name if full.parent.name in FOLDERS else full.stem
    return full.parent.name if full.name in FOLDERS else full.name
