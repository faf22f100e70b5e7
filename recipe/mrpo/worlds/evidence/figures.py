"""The numbers of a comparison, for the Markdown tables and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.statistics import holm, sign_flip_test
from recipe.mrpo.worlds import compare
from recipe.mrpo.worlds.evidence.jobs import Comparison

METRICS = (("early_rate", "early failures of all"), ("accuracy", "accuracy"))
Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""What each run gave, by arm and seed."""


def results(comparison: Comparison, out: Path) -> Results:
    found: dict[str, dict[int, dict]] = {arm: {} for arm in comparison.arms}
    for job in comparison.compared(out):
        result = job.result(out)
        if result is not None:
            found[job.arm][job.seed] = result
    return found


def figures(comparison: Comparison, out: Path) -> dict[str, Any]:
    """A comparison as JSON: of each arm the mean of its seeds and its difference to the baseline, of each metric.

    `difference` is None below two seeds that arm and baseline both have; `pairs` has the difference of each such seed,
    `curves` (step, value) of each seed that has a curve.
    """
    found = results(comparison, out)
    return {
        "name": f"{comparison.world}, {comparison.setting}",
        "baseline": comparison.baseline,
        "seeds": len(comparison.seeds),
        "arms": [
            {
                "name": arm,
                "rate": comparison.chosen(arm, out),
                "seeds": sorted(by_seed),
                "metrics": {
                    metric: of_metric(metric, by_seed, found.get(comparison.baseline, {}), arm == comparison.baseline)
                    for metric, _ in METRICS
                },
                "curves": {metric: curves(metric, by_seed) for metric, _ in METRICS},
            }
            for arm, by_seed in found.items()
        ],
        "tests": tests(comparison, found),
    }


def of_metric(
    metric: str, arm: Mapping[int, Mapping], baseline: Mapping[int, Mapping], is_baseline: bool
) -> dict[str, Any]:
    values = [r[metric] for r in arm.values()]
    apart = {} if is_baseline else {s: arm[s][metric] - baseline[s][metric] for s in sorted(set(arm) & set(baseline))}
    return {
        "mean": sum(values) / len(values) if values else None,
        "pairs": [[seed, value] for seed, value in apart.items()],
        "difference": asdict(compare.of(list(apart.values()))) if len(apart) > 1 else None,
    }


def curves(metric: str, by_seed: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of the rollouts that a run was trained with."""
    return [
        {"seed": seed, "points": [[point["step"], point[metric]] for point in result["curve"]]}
        for seed, result in sorted(by_seed.items())
        if result.get("curve")
    ]


def tests(comparison: Comparison, found: Results) -> list[dict[str, Any]]:
    """p of the sign-flip test of early failures, adjusted by Holm over the tested arms."""
    base = found.get(comparison.baseline, {})
    known = {}
    for arm in comparison.tested:
        seeds: Sequence[int] = sorted(set(found[arm]) & set(base))
        if len(seeds) > 1:
            apart = [found[arm][s]["early_rate"] - base[s]["early_rate"] for s in seeds]
            known[arm] = float(sign_flip_test(np.array(apart)))
    adjusted = holm(list(known.values())) if known else []
    return [{"arm": arm, "p": p, "holm": float(q)} for (arm, p), q in zip(known.items(), adjusted, strict=True)]
