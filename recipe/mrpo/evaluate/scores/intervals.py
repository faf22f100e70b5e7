"""Figures of columns with intervals: summed by cluster, drawn together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.columns import Columns
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.statistics import Interval, ratio_intervals

Ratio = tuple[np.ndarray, np.ndarray]
"""(numerator, denominator), a number a rollout each."""


def by_cluster(columns: Columns, values: np.ndarray) -> np.ndarray:
    """(C,) or (C, F) sums over the clusters that these rows have, in the order of the clusters' names."""
    _, place = np.unique(columns.cluster, return_inverse=True)
    if values.ndim == 1:
        return np.bincount(place, weights=values)
    return np.stack([np.bincount(place, weights=column) for column in values.T], axis=1)


def figures(
    columns: Columns, ratios: Mapping[str, Ratio], options: ScoreOptions, *, means: frozenset[str] = frozenset()
) -> dict[str, dict[str, Any]]:
    """Each ratio of sums with its interval, the same clusters drawn for all. `means`: ratios that are no shares."""
    if not len(columns) or not ratios:
        empty = Interval(None, None, None, options.level, 0, 0.0, "none")
        return {name: plain(empty) for name in ratios}
    top, bottom = (np.stack([np.asarray(ratio[i], dtype=float) for ratio in ratios.values()], axis=1) for i in (0, 1))
    made = ratio_intervals(
        by_cluster(columns, top),
        by_cluster(columns, bottom),
        shares=[name not in means for name in ratios],
        level=options.level,
        draws=options.draws,
        seed=options.seed,
    )
    return {name: plain(interval) for name, interval in zip(ratios, made, strict=True)}


def plain(interval: Interval) -> dict[str, Any]:
    """For JSON: value, low, high, how, and the N of clusters and of what was counted."""
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "method": interval.method,
        "clusters": interval.clusters,
        "n": _whole(interval.total),
    }


def _whole(total: float) -> int | float:
    return int(total) if total == int(total) else total
