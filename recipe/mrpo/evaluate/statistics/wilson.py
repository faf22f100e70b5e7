"""The interval of a plain share: k of n independent questions."""

from __future__ import annotations

import math
from statistics import NormalDist


def z_value(level: float) -> float:
    """Two-sided normal quantile: 1.96 for 0.95. Raises ValueError outside (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level!r}")
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(successes: int, total: int, *, level: float) -> tuple[float, float]:
    """Wilson's score interval of a share.

        (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)        p = successes / n

    n = 0 says nothing: (0, 1). Raises ValueError unless 0 <= successes <= total. Source: Wilson 1927.

    >>> low, high = wilson(8, 10, level=0.95)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is not a share")
    z = z_value(level)
    if total == 0:
        return 0.0, 1.0
    p = successes / total
    middle = p + z * z / (2 * total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == total else (middle + half) / scale
    return low, high
