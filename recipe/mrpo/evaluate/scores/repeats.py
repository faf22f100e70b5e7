"""Labels that flip when the same judge is asked again about the same steps."""

from __future__ import annotations

from typing import Any

from recipe.mrpo.evaluate.scores.columns import Columns
from recipe.mrpo.evaluate.scores.intervals import figures
from recipe.mrpo.evaluate.scores.options import ScoreOptions


def repeat_scores(columns: Columns, options: ScoreOptions) -> dict[str, Any] | None:
    """Over the rollouts that were judged again; None if none was.

    `flipped`: share of (step, repetition) pairs whose label differs from the first one. `unstable_steps`: share of
    steps for which at least one repetition differs.
    """
    again = columns.where((columns.repeats + columns.repeats_failed) > 0)
    if not len(again):
        return None
    known = again.repeats > 0
    steps = again.steps * known
    found = figures(
        again, {"flipped": (again.flips, again.pairs), "unstable_steps": (again.split_steps, steps)}, options
    )
    return {
        "rollouts": len(again),
        "judgements": int(again.repeats.sum()),
        "judgements_failed": int(again.repeats_failed.sum()),
        "pairs": int(again.pairs.sum()),
        "to_invalid": int(again.to_invalid.sum()),
        "to_valid": int(again.to_valid.sum()),
        **found,
    }
