"""Right, wrong or not known, by the rule that was asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np

from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns
from recipe.mrpo.evaluate.scores.options import ScoreOptions


def outcome(columns: Columns, options: ScoreOptions) -> np.ndarray:
    """1 right, 0 wrong, -1 not known, for each rollout.

    `reference`: an empty answer was never shown to the judge of the released code, so it is not known there.
    """
    known = columns.verdict if options.answers == "verdict" else columns.reward
    return np.where(columns.answered == 1, known, UNKNOWN) if options.reference else known


def counted(columns: Columns, options: ScoreOptions) -> np.ndarray:
    """Which rollouts are in the denominator of the accuracy: all; under `reference` those that are known."""
    return outcome(columns, options) != UNKNOWN if options.reference else np.ones(len(columns), dtype=bool)


def unknown_kinds(columns: Columns, options: ScoreOptions) -> Counter[str]:
    """Why answers are not known, with how many each."""
    missing = columns.where(outcome(columns, options) == UNKNOWN)
    name = "verdict_status" if options.answers == "verdict" else "why_unknown"
    kinds = (columns.names[name][n] if n != UNKNOWN else "no answer" for n in getattr(missing, name))
    return Counter("no answer" if kind in ("ok", "skipped:no_answer") else kind for kind in kinds)
