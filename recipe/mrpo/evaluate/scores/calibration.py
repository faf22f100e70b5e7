"""Does the probability of an answer say how often it is right?"""

from __future__ import annotations

from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.outcomes import outcome

CONFIDENCES = {"joint": "confidence", "mean": "confidence_mean"}
"""`joint`: the probability of the answer's tokens given all before, prod p_t; `mean`: their geometric mean."""


def calibration_scores(columns: Columns, options: ScoreOptions) -> dict[str, Any] | None:
    """Expected calibration error by both confidences; None where the engine gave no probabilities.

        ECE = sum_b n_b / N |right_b / n_b - mean confidence_b|        bins of equal width in [0, 1], the last closed

    Answers that are not known, and those without probabilities, are left out and counted. Source: Guo et al. 2017
    (arXiv 1706.04599).
    """
    result = outcome(columns, options)
    given = ~np.isnan(columns.confidence)
    if not given.any():
        return None
    known = given & (result != UNKNOWN)
    made: dict[str, Any] = {
        "answers": int(known.sum()),
        "without_probability": int((~given).sum()),
        "not_known": int((given & (result == UNKNOWN)).sum()),
    }
    for name, column in CONFIDENCES.items():
        made[name] = _calibration(columns.data[column][known], result[known] == 1, options.bins)
    return made


def _calibration(confidence: np.ndarray, right: np.ndarray, bins: int) -> dict[str, Any]:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    rows, error = [], 0.0
    for n in range(bins):
        here = place == n
        count = int(here.sum())
        row: dict[str, Any] = {"from": n / bins, "to": (n + 1) / bins, "answers": count}
        if count:
            mean, share = float(confidence[here].mean()), float(right[here].mean())
            error += count / len(confidence) * abs(share - mean)
            row |= {"confidence": mean, "accuracy": share}
        rows.append(row)
    brier = float(((confidence - right) ** 2).mean()) if len(confidence) else None
    return {"ece": error if len(confidence) else None, "brier": brier, "bins": rows}
