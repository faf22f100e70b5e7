"""What a number of questions can show at all."""

from __future__ import annotations

import math
from statistics import NormalDist

from recipe.mrpo.evaluate.statistics.wilson import z_value


def detectable_difference(
    questions: float, *, discordant: float, power: float = 0.8, level: float = 0.95, design_effect: float = 1.0
) -> float:
    """Smallest difference of two paired accuracies that a test finds with probability `power`.

        d = (z_{level} + z_{power}) sqrt(p_d deff / n)

    `questions` n, `discordant` p_d the share of questions that only one of the two answers right, `design_effect` deff
    >= 1 for questions of one image (1 + (m - 1) rho for m questions an image with intra-class correlation rho).
    Source: Connor 1987, with p_d for its variance. Raises ValueError for n = 0.

    >>> round(100 * detectable_difference(200, discordant=0.2), 1)
    8.9
    """
    if questions <= 0:
        raise ValueError("no question, no test")
    z = z_value(level) + NormalDist().inv_cdf(power)
    return z * math.sqrt(discordant * design_effect / questions)
