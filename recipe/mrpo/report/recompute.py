"""The arithmetic of MRPO once more, in plain Python from a dump: an independent check of the actor's advantages.

No arithmetic here comes from `credit/`; a test holds the two against each other. Source: arXiv 2606.31825.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from recipe.mrpo.evaluate.rows.dump import group_of

EPSILON = 1e-4


def group_advantages(rows: Sequence[dict[str, Any]]) -> list[float]:
    """A_i of the rollouts of one group, from the rewards in their records; unknown rewards take the group's mean.

    A rollout without any known reward gets 0 and is not a member of its group.
    """
    weights = {name: weight for name, weight in rows[0]["mrpo"]["weights"].items() if weight}
    rewards = [{name: row["mrpo"]["rewards"][name] for name in weights} for row in rows]
    members = [given for given in rewards if any(value is not None for value in given.values())]
    means = {}
    for name in weights:
        known = [given[name] for given in members if given[name] is not None]
        means[name] = statistics.fmean(known) if known else 0.0

    def total(given: dict[str, float | None]) -> float:
        return sum(weight * (means[n] if given[n] is None else given[n]) for n, weight in weights.items())

    totals = [total(given) for given in members]
    if len(totals) < 2 or max(totals) - min(totals) < 1e-9:
        return [0.0] * len(rows)
    mean, std = statistics.fmean(totals), statistics.stdev(totals)
    return [(total(given) - mean) / (std + EPSILON) if given in members else 0.0 for given in rewards]


def step_advantages(record: dict[str, Any], advantage: float, *, tau: float, base: float) -> list[float]:
    """Advantage of each step of a rollout whose group-relative advantage is `advantage`."""
    labels, count, answer = record["labels"], len(record["steps"]), record["rewards"]["answer"]
    if labels is None or answer is None or answer > tau:
        return [advantage] * count
    out = []
    for k, valid in enumerate(labels, start=1):
        factor = base ** (1 - (k - 1) / (count - 1)) if count > 1 else 1.0
        out.append(abs(advantage) if valid else -factor * abs(advantage))
    return out


def recompute(rows: Sequence[dict[str, Any]], *, tau: float, base: float) -> list[tuple[float, list[float]]]:
    """(A_i, advantage of each step) of every row of a training dump, in its order, from rewards and labels alone.

    Raises ValueError for a row without a record: its group's mean cannot be known.
    """
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.get("mrpo") is None:
            raise ValueError(f"row {i} ({row.get('uid')}) has no record")
        groups.setdefault(group_of(row["uid"]), []).append(i)
    out: dict[int, tuple[float, list[float]]] = {}
    for members in groups.values():
        advantages = group_advantages([rows[i] for i in members])
        for i, advantage in zip(members, advantages, strict=True):
            out[i] = advantage, step_advantages(rows[i]["mrpo"], advantage, tau=tau, base=base)
    return [out[i] for i in range(len(rows))]
