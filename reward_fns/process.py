"""How much of the reasoning holds? The process reward of arXiv 2606.31825."""

from __future__ import annotations

from collections.abc import Sequence


def process_reward(labels: Sequence[int] | None) -> float | None:
    """Share of valid steps, in [0, 1]: R_proc = mean_k v_k.

    `labels` are 1 (valid) or 0, one per step. No steps: 0.0, nothing was reasoned. None (the judge failed, or there is
    no gold reasoning): None, for "unknown" is not "all wrong", and a 0 would move the group's mean.

    Raises ValueError for a label that is neither 0 nor 1. Source: arXiv 2606.31825, process reward.
    """
    if labels is None:
        return None
    if any(label not in (0, 1) for label in labels):
        raise ValueError(f"labels are 0 or 1, not {list(labels)!r}")
    return sum(labels) / len(labels) if len(labels) else 0.0
