"""The arithmetic of MRPO once more, in plain Python from a dump: an independent check of what the actor was given.

Nothing here comes from `algorithm.py`; a test holds the two against each other. Source: DESIGN section 1.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

EPSILON = 1e-4


def group_of(uid: str) -> str:
    """The prompt that a dumped row belongs to: its uid is `{prompt}_{session}_{output}`."""
    return uid.rsplit("_", 2)[0]


def group_advantages(rows: Sequence[dict[str, Any]]) -> list[float]:
    """A_i of the rollouts of one group, from the rewards in their records; unknown rewards take the group's mean."""
    records = [row["mrpo"] for row in rows]
    totals = [0.0] * len(records)
    for name, weight in records[0]["weights"].items():
        known = [r["rewards"][name] for r in records if r["rewards"][name] is not None]
        mean = statistics.fmean(known) if known else 0.0
        for i, record in enumerate(records):
            value = record["rewards"][name]
            totals[i] += weight * (mean if value is None else value)
    if len(totals) < 2 or max(totals) - min(totals) < 1e-9:
        return [0.0] * len(totals)
    mean, std = statistics.fmean(totals), statistics.stdev(totals)
    return [(total - mean) / (std + EPSILON) for total in totals]


def step_advantages(record: dict[str, Any], advantage: float, *, base: float = math.e) -> list[float]:
    """Advantage of each step of a rollout whose group-relative advantage is `advantage`."""
    labels, count = record["labels"], len(record["steps"])
    if not record["wrong"] or labels is None:
        return [advantage] * count
    out = []
    for k, valid in enumerate(labels, start=1):
        factor = base ** (1 - (k - 1) / (count - 1)) if count > 1 else 1.0
        out.append(abs(advantage) if valid else -factor * abs(advantage))
    return out
