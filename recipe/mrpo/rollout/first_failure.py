"""Where the reasoning of a rollout first fails, by its step labels: FFP, FAR and stage shares. Pure Python.

Source: arXiv 2606.31825, analysis. The cut-offs between the stages are unpublished, so they are arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

STAGES = ("early", "mid", "late")


def first_failure_position(labels: Sequence[int]) -> float | None:
    """First failure position FFP = (k* - 1) / (K - 1), where k* is the first invalid step (1-based) of K.

    In [0, 1]. K = 1 gives 0; without an invalid step there is no FFP: None.

    >>> first_failure_position([1, 0, 1]), first_failure_position([0]), first_failure_position([1, 1])
    (0.5, 0.0, None)
    """
    for k, valid in enumerate(labels):
        if not valid:
            return k / (len(labels) - 1) if len(labels) > 1 else 0.0
    return None


def failure_after(labels: Sequence[int]) -> float | None:
    """Failure-after rate FAR: the share of invalid steps among those strictly after the first invalid one.

    In [0, 1]. No step after it gives 0; without an invalid step there is no FAR: None.

    >>> failure_after([1, 0, 1, 0]), failure_after([1, 0]), failure_after([1, 1])
    (0.5, 0.0, None)
    """
    for k, valid in enumerate(labels):
        if not valid:
            after = labels[k + 1 :]
            return sum(not v for v in after) / len(after) if after else 0.0
    return None


def stage(ffp: float, *, cuts: tuple[float, float]) -> str:
    """Stage of a first failure: "early" for FFP below the first cut, "mid" below the second, otherwise "late"."""
    return STAGES[0] if ffp < cuts[0] else STAGES[1] if ffp < cuts[1] else STAGES[2]


def stage_shares(rollouts: Iterable[Sequence[int]], *, cuts: tuple[float, float]) -> dict[str, float]:
    """Shares of early, mid and late first failures, which sum to 1 over the rollouts that fail; empty if none does."""
    ffps = [p for p in map(first_failure_position, rollouts) if p is not None]
    if not ffps:
        return {}
    stages = [stage(p, cuts=cuts) for p in ffps]
    return {name: stages.count(name) / len(stages) for name in STAGES}


def far_by_ffp(rollouts: Iterable[Sequence[int]], *, width: float) -> dict[tuple[float, float], tuple[float, int]]:
    """Mean FAR and number of rollouts in each FFP bin [n width, (n + 1) width); the last bin is closed.

    Bins without a rollout are left out.
    """
    n_bins = math.ceil(1 / width - 1e-9)
    bins: dict[int, list[float]] = {}
    for labels in rollouts:
        ffp, far = first_failure_position(labels), failure_after(labels)
        if ffp is not None and far is not None:  # both are known, or neither
            # The tiny shift keeps 3/5 in the bin that begins at 0.6, which 0.6 / 0.2 = 2.9999… would miss.
            bins.setdefault(min(int(ffp / width + 1e-9), n_bins - 1), []).append(far)
    return {(n * width, min(1.0, (n + 1) * width)): (sum(v) / len(v), len(v)) for n, v in sorted(bins.items())}
