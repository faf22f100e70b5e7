"""Several tests at once: one of twenty true null hypotheses is rejected at 5 % by chance."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p of each test, in the order given; rejected at a level are those at or below it.

        p'_(i) = max_{j<=i} min(1, (m - j + 1) p_(j))        p_(1) <= ... <= p_(m)

    The chance of one false rejection or more stays below the level. Source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
