"""Early, mid and late first failures: as shares of the failures, and as rates over all rollouts."""

from __future__ import annotations

import numpy as np

from recipe.mrpo.evaluate.scores.intervals import Ratio
from recipe.mrpo.rollout.first_failure import STAGES


def stage_of(ffp: np.ndarray, cuts: tuple[float, float]) -> np.ndarray:
    """0 early, 1 mid, 2 late for each first failure position; -1 where there is none (nan)."""
    stage = np.searchsorted(np.array(cuts), np.nan_to_num(ffp, nan=0.0), side="right")
    return np.where(np.isnan(ffp), -1, stage)


def stage_ratios(ffp: np.ndarray, all_rollouts: np.ndarray, cuts: tuple[float, float], place: int) -> dict[str, Ratio]:
    """Shares of first failures (the paper's figure), and rates over `all_rollouts`, by stage."""
    stage = stage_of(ffp, cuts)
    failed = (stage >= 0).astype(float)
    made: dict[str, Ratio] = {}
    for number, name in enumerate(STAGES):
        hit = (stage == number).astype(float)
        made[f"share/{place}/{name}"] = hit, failed
        made[f"rate/{place}/{name}"] = hit, all_rollouts
    return made
