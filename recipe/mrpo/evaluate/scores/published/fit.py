"""Do published figures fit together? Averages from cells and sizes, and shares that must be k of n."""

from __future__ import annotations

import math
from collections.abc import Mapping


def micro_average(cells: Mapping[str, float], sizes: Mapping[str, int]) -> float:
    """sum_s n_s a_s / sum_s n_s over the sets of `cells`. Raises KeyError for a set without a size."""
    return math.fsum(sizes[name] * value for name, value in cells.items()) / sum(sizes[name] for name in cells)


def average_fits(cells: Mapping[str, float], sizes: Mapping[str, int], average: float, *, digits: int) -> bool:
    """Can cells and average, all rounded to `digits`, be those of one table?

    A cell is off by half a unit of its last digit at most, and so is their weighted mean, and so is the average.
    """
    unit = 10.0**-digits
    return abs(micro_average(cells, sizes) - average) <= unit + 1e-9


def is_share_of(percent: float, n: int, *, digits: int) -> bool:
    """Is there a k with 100 k / n = `percent` when rounded to `digits`? With n questions no other figure can come out.

    >>> is_share_of(64.5, 200, digits=2), is_share_of(64.55, 200, digits=2)
    (True, False)
    """
    half = 0.5 * 10.0**-digits + 1e-9
    nearest = round(percent * n / 100)
    return any(0 <= k <= n and abs(100 * k / n - percent) <= half for k in (nearest - 1, nearest, nearest + 1))


def shares_fit(shares: Mapping[str, float], *, digits: int) -> bool:
    """Can these percentages, rounded to `digits`, be those of parts that make up the whole?"""
    return abs(math.fsum(shares.values()) - 100) <= 0.5 * 10.0**-digits * len(shares) + 1e-9


def misfits(cells: Mapping[str, float], sizes: Mapping[str, int], average: float, *, digits: int) -> list[str]:
    """The figures of a row that cannot be: cells that are no k of n, and the average if it is not that of the cells."""
    found = [name for name, value in cells.items() if not is_share_of(value, sizes[name], digits=digits)]
    return found + ([] if average_fits(cells, sizes, average, digits=digits) else ["average"])
