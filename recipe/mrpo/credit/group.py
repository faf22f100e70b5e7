"""Group-relative advantages with unknown rewards. Source: arXiv 2606.31825; pure tensors."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch

EPSILON = 1e-4
"""Added to the group's standard deviation, as in the study's training code."""

_TIE = 1e-9
"""Rewards of one group closer than this are equal: sums taken in another order differ by about 1e-16 of their size."""


def group_advantages(
    rewards: torch.Tensor, groups: Sequence[Hashable], *, norm_by_std: bool, missing: torch.Tensor | None = None
) -> torch.Tensor:
    """Advantage of each rollout relative to its group.

        A_i = (R_i - mean_G R) / (std_G R + 1e-4)        std unbiased; divisor 1 if not `norm_by_std`

    `rewards`: (B,), or (B, M) for M weighted rewards whose sum is R. `groups`: B hashable prompt ids. `missing`:
    (B, M) bool, a reward that is not known (a failed judgement). It is left out of its reward's mean, and its
    rollout is given that mean instead, which neither rewards nor punishes it; no known value in a group: 0 for all.
    A rollout without any known reward gets 0 and does not count as a member of its group.

    Returns (B,) float64 on the device of `rewards`. Equal rewards in a group, and a group of one, give exactly 0:
    float64 and differences to a member of the group, because a mean of equal float32 values can miss them by a bit
    and the arbitrary sign of that bit would steer the shaping.

    Raises ValueError if shapes disagree or a known reward is not finite.
    """
    values = rewards.to(torch.float64)
    values = values[:, None] if values.ndim == 1 else values
    known = torch.ones_like(values, dtype=torch.bool) if missing is None else ~missing.reshape(values.shape)
    out = relative(
        values.numpy(force=True), known.numpy(force=True), numbered(groups, len(values)), norm_by_std=norm_by_std
    )
    return torch.from_numpy(out).to(rewards.device)


def numbered(groups: Sequence[Hashable], rollouts: int) -> np.ndarray:
    """(B,) int64 number of each rollout's group, from 0 in the order in which they come.

    Raises ValueError for another number of ids than of rollouts.
    """
    if len(groups) != rollouts:
        raise ValueError(f"{len(groups)} group ids for {rollouts} rollouts")
    ids: dict[Hashable, int] = {}
    return np.fromiter((ids.setdefault(g, len(ids)) for g in groups), dtype=np.int64, count=len(groups))


def relative(values: np.ndarray, known: np.ndarray, member: np.ndarray, *, norm_by_std: bool) -> np.ndarray:
    """`group_advantages` of (B, M) float64 `values` that are `known`; `member`: (B,) number of each rollout's group.

    NumPy, because a batch has few rollouts: the time is that of the calls, and NumPy's are shorter than torch's.
    """
    if not np.isfinite(values[known]).all():
        raise ValueError("a reward is not finite; an unknown reward must be marked in `missing`")
    n_groups, n_rewards = int(member.max(initial=-1)) + 1, values.shape[1]
    place = (member[:, None] * n_rewards + np.arange(n_rewards)).ravel()

    def group_sum(x: np.ndarray) -> np.ndarray:
        """(B, M) to (groups, M), or (B,) to (groups,)."""
        if x.ndim == 1:
            return np.bincount(member, weights=x, minlength=n_groups)
        return np.bincount(place, weights=x.ravel(), minlength=n_groups * n_rewards).reshape(n_groups, n_rewards)

    # Differences to the largest known value of the group and reward: exact zeros for equal values.
    anchor = np.full(n_groups * n_rewards, -np.inf)
    np.maximum.at(anchor, place, np.where(known, values, -np.inf).ravel())
    anchor = np.where(np.isfinite(anchor), anchor, 0.0).reshape(n_groups, n_rewards)
    shifted = np.where(known, values - anchor[member], 0.0)
    mean = group_sum(shifted) / np.maximum(group_sum(known), 1.0)
    centred = np.where(known, shifted - mean[member], 0.0).sum(axis=1)
    centred[np.abs(centred) < _TIE] = 0.0
    size = group_sum(np.asarray(known.any(axis=1)))
    if norm_by_std:
        std = np.sqrt(group_sum(centred**2) / np.maximum(size - 1, 1.0))
        centred = centred / (std[member] + EPSILON)
    return np.where(size[member] > 1, centred, 0.0)
