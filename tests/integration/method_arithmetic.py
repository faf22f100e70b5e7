"""The advantages that each method must give, in plain Python from a dump; the package is not asked.

Sources: mrpo arXiv 2606.31825; grpo 2402.03300; drgrpo 2503.20783; gdpo 2601.05242; vppo 2601.18984; pgrpo 2508.05170.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict

TAU, EPSILON = 0.6, 1e-4


def expected(method: str, rows: list[dict]) -> list[tuple[float, list[float]]]:
    """(advantage outside the steps, advantage of each step) of every row of one training step."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[row["uid"].rsplit("_", 2)[0]].append(i)
    records = [row["mrpo"] for row in rows]
    advantages = _gdpo(records, groups) if method == "gdpo" else _grouped(method, records, groups)
    shape = {"mrpo": _mrpo, "vppo": _vppo}.get(method, lambda record, a: [a] * len(record["steps"]))
    return [(a, shape(record, a)) for record, a in zip(records, advantages, strict=True)]


def _reward(method: str, record: dict) -> float:
    gated = method == "pgrpo" and record["rewards"]["answer"] <= TAU
    return math.fsum(w * record["rewards"][n] for n, w in record["weights"].items() if not (gated and n == "process"))


def _grouped(method: str, records: list[dict], groups: dict[str, list[int]]) -> list[float]:
    out = [0.0] * len(records)
    for members in groups.values():
        standardised = _standardise([_reward(method, records[i]) for i in members], divide=method != "drgrpo")
        for i, value in zip(members, standardised, strict=True):
            out[i] = value
    return out


def _gdpo(records: list[dict], groups: dict[str, list[int]]) -> list[float]:
    sums = [0.0] * len(records)
    for name, weight in records[0]["weights"].items():
        for members in groups.values():
            values = _standardise([records[i]["rewards"][name] for i in members], divide=True)
            for i, value in zip(members, values, strict=True):
                sums[i] += weight * value
    return _standardise(sums, divide=True)


def _standardise(values: list[float], *, divide: bool) -> list[float]:
    if max(values) - min(values) < 1e-9:
        return [0.0] * len(values)
    mean, std = statistics.fmean(values), statistics.stdev(values)
    return [(v - mean) / (std + EPSILON if divide else 1.0) for v in values]


def _mrpo(record: dict, a: float) -> list[float]:
    labels, count = record["labels"], len(record["steps"])
    if record["rewards"]["answer"] > TAU:
        return [a] * count
    factors = [math.exp(1 - k / (count - 1)) if count > 1 else 1.0 for k in range(count)]
    return [abs(a) if v else -f * abs(a) for v, f in zip(labels, factors, strict=True)]


def _vppo(record: dict, a: float) -> list[float]:
    labels = record["labels"]
    if record["rewards"]["answer"] > TAU or 0 not in labels:
        return [a] * len(labels)
    first = labels.index(0)
    return [abs(a) if k < first else -abs(a) for k in range(len(labels))]


def deviation(rows: list[dict], method: str) -> float:
    """Largest difference between what a dump says the actor was given and what `method` gives."""
    worst = 0.0
    for row, (outside, steps) in zip(rows, expected(method, rows), strict=True):
        record = row["mrpo"]
        if record["advantage"] is not None:
            worst = max(worst, abs(record["advantage"] - outside))
        given = zip(record["step_advantages"], steps, strict=True)
        worst = max([worst, *(abs(got - want) for got, want in given if got is not None)])
    return worst
