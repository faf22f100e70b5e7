"""Arms against a baseline over paired seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipe.mrpo.evaluate.statistics.cluster import t_value


@dataclass(frozen=True)
class Difference:
    """Mean of arm - baseline over seeds, with Student's interval of the paired differences."""

    mean: float
    low: float
    high: float
    sd: float
    seeds: int

    @property
    def clear(self) -> bool:
        """Does the interval leave out 0?"""
        return self.low > 0 or self.high < 0


def paired(arm: Mapping[int, float], baseline: Mapping[int, float], *, level: float = 0.95) -> Difference:
    """mean d ± t sd(d) / sqrt(n), d = arm - baseline of each seed that both have. Raises ValueError below two seeds."""
    seeds = sorted(set(arm) & set(baseline))
    if len(seeds) < 2:
        raise ValueError(f"a paired comparison needs two seeds or more, not {len(seeds)}")
    return of(([arm[s] - baseline[s] for s in seeds]), level=level)


def of(values: Sequence[float], *, level: float = 0.95) -> Difference:
    """The same of given values."""
    n = len(values)
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = t_value(level, n - 1) * sd / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, sd, n)
