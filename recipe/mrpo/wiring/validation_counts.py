"""How many rollouts the means of a validation stand for: verl 0.9.1 gives them different denominators.

A rollout that crashed before it was scored counts as `acc` 0 and is left out of every other mean; one with an unknown
answer is left out of `acc` too (wiring/trainer.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

PREFIX = "mrpo/val"
NAMES = ("rollouts_total", "crashed_total", "unknown_answer_total")


def validation_counts(
    asked: Mapping[tuple[str, str], int], sources: Sequence[str], uids: Sequence[str], unknown: Sequence[bool]
) -> dict[str, float]:
    """For each data source the rollouts asked for, those that crashed, and those with an unknown answer.

    `asked`: rollouts for each (data source, uid). `sources`, `uids`, `unknown`: of every rollout that came back.
    """
    came = Counter(zip(map(str, sources), map(str, uids), strict=True))
    total: Counter[str] = Counter()
    crashed: Counter[str] = Counter()
    for (source, uid), count in asked.items():
        total[source] += count
        crashed[source] += max(0, count - came[source, uid])
    left = Counter(str(source) for source, is_unknown in zip(sources, unknown, strict=True) if is_unknown)
    return {
        f"{PREFIX}/{source}/{name}": float(counts[source])
        for source in total
        for name, counts in zip(NAMES, (total, crashed, left), strict=True)
    }
