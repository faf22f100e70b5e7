"""The bootstrap over clusters: images are drawn anew, with all their questions.

Questions about one image share its difficulty, so an interval that takes them for independent is too narrow. A figure
here is a ratio of sums (right answers over answers, invalid steps over steps). One pass over a file gives all that the
bootstrap needs: the two sums of each cluster.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from recipe.mrpo.evaluate.statistics.wilson import wilson, z_value

DRAWS = 2000
"""Bootstrap draws of a report: the ends of a 95 % interval are then known to about a twentieth of its width."""
_AT_ONCE = 4_000_000
"""Weights held at once, in numbers."""


@dataclass(frozen=True)
class Interval:
    """A figure with its interval: `value` in [low, high] at the confidence `level`; None where nothing was counted."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    clusters: int
    """Number of clusters, N of the images."""
    total: float
    """Sum of the denominators, N of the questions."""
    method: str
    """`cluster bootstrap`, `wilson` (one question a cluster) or `none` (fewer than two clusters)."""


@dataclass
class Clustered:
    """Numerator and denominator of a ratio, summed in each cluster while rows stream by."""

    sums: dict[Hashable, list[float]] = field(default_factory=dict)

    def add(self, cluster: Hashable, numerator: float, denominator: float = 1.0) -> None:
        pair = self.sums.setdefault(cluster, [0.0, 0.0])
        pair[0] += numerator
        pair[1] += denominator

    @classmethod
    def of(cls, rows: Iterable[tuple[Hashable, float, float]]) -> Clustered:
        made = cls()
        for cluster, numerator, denominator in rows:
            made.add(cluster, numerator, denominator)
        return made

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """(numerators, denominators), one number a cluster, in the order of first sight."""
        pairs = np.array(list(self.sums.values()), dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @property
    def value(self) -> float | None:
        numerators, denominators = self.arrays()
        return float(numerators.sum() / denominators.sum()) if denominators.sum() > 0 else None


def t_value(level: float, freedom: int) -> float:
    """Two-sided quantile of Student's t: exact for 1 and 2 degrees of freedom, then Cornish-Fisher, within 1 %."""
    if freedom <= 1:
        return math.tan(math.pi * level / 2)
    if freedom == 2:
        return level * math.sqrt(2 / (1 - level**2))
    z, v = z_value(level), float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / v ** (power + 1) for power, term in enumerate(terms))


def expanded_level(level: float, clusters: int) -> float:
    """Level of the percentile interval that covers like `level` with few clusters.

    The plain percentile interval is too narrow by sqrt((n-1)/n) and knows no t. Source: Hesterberg 2015,
    "What teachers should know about the bootstrap", section 5.
    """
    stretch = (clusters / (clusters - 1)) ** 0.5 * t_value(level, clusters - 1)
    return 2 * NormalDist().cdf(stretch) - 1


def ratio_draws(numerators: np.ndarray, denominators: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """(draws, F) ratios of sums of F figures over redrawn clusters; NaN where a draw has nothing to divide by.

    `numerators`, `denominators`: (C,) or (C, F), one row a cluster. The same clusters are drawn for all figures, which
    makes differences of figures paired.
    """
    top, bottom = (np.atleast_2d(a.T).T.astype(np.float64) for a in (numerators, denominators))
    clusters, random = len(top), np.random.default_rng(seed)
    even, size = np.full(clusters, 1 / clusters), max(1, _AT_ONCE // clusters)
    out = np.empty((draws, top.shape[1]))
    for start in range(0, draws, size):
        weights = random.multinomial(clusters, even, size=min(size, draws - start)).astype(np.float64)
        below = weights @ bottom
        with np.errstate(invalid="ignore", divide="ignore"):
            out[start : start + len(weights)] = np.where(below > 0, (weights @ top) / below, np.nan)
    return out


def percentile_interval(draws: np.ndarray, *, level: float, clusters: int) -> tuple[float, float]:
    """Ends of the expanded percentile interval of one figure's draws."""
    wide = expanded_level(level, clusters)
    low, high = np.nanquantile(draws, [(1 - wide) / 2, (1 + wide) / 2])
    return float(low), float(high)


def share_interval(counts: Clustered, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Interval:
    """A ratio of sums with its interval, clusters drawn anew; Wilson's where every cluster holds one yes or no.

    All clusters alike (0 % or 100 %): the bootstrap sees no spread, so Wilson's interval over the clusters is given.
    """
    return ratio_intervals(*counts.arrays(), level=level, draws=draws, seed=seed)[0]


def ratio_intervals(
    numerators: np.ndarray,
    denominators: np.ndarray,
    *,
    shares: Sequence[bool] | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """F ratios of sums with their intervals; as `share_interval`, the same clusters drawn for all.

    `numerators`, `denominators`: (C,) or (C, F), one row a cluster. `shares`: which of the F figures count yes and no
    (default: all); a mean of other numbers has no interval where all clusters agree. Clusters without a denominator
    take part in the draws, and count in no figure.
    """
    top, bottom = (np.atleast_2d(a.T).T.astype(np.float64) for a in (numerators, denominators))
    kinds = list(shares) if shares is not None else [True] * top.shape[1]
    made: list[Interval | None] = []
    for above, below, share in zip(top.T, bottom.T, kinds, strict=True):
        made.append(_without_draws(above[below > 0], below[below > 0], share=share, level=level))
    left = [i for i, interval in enumerate(made) if interval is None]
    if left:
        found = ratio_draws(top[:, left], bottom[:, left], draws=draws, seed=seed)
        for place, i in enumerate(left):
            clusters, total = int((bottom[:, i] > 0).sum()), float(bottom[:, i].sum())
            ends = percentile_interval(found[:, place], level=level, clusters=clusters)
            value = float(top[:, i].sum() / total)
            made[i] = Interval(value, *ends, level, clusters, total, "cluster bootstrap")
    return [interval for interval in made if interval is not None]


def _without_draws(above: np.ndarray, below: np.ndarray, *, share: bool, level: float) -> Interval | None:
    """The interval of a figure that needs no bootstrap, or has none; None: draw."""
    clusters, total = len(below), float(below.sum())
    if total <= 0:
        return Interval(None, None, None, level, clusters, total, "none")
    value = float(above.sum() / total)
    plain = share and bool(np.all(below == 1) and np.all((above == 0) | (above == 1)))
    same = share and bool(np.all(above == 0) or np.all(above == below))
    if plain or same:
        right = int(above.sum()) if plain else (0 if above.sum() == 0 else clusters)
        return Interval(value, *wilson(right, clusters, level=level), level, clusters, total, "wilson")
    if clusters < 2 or (not share and np.ptp(above / below) == 0):
        return Interval(value, None, None, level, clusters, total, "none")
    return None
