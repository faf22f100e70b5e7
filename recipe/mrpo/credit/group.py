"""Group-relative advantages with unknown rewards. Source: arXiv 2606.31825; pure tensors."""

from __future__ import annotations

import math
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
    if values.ndim == 1:
        values = values[:, None]
    if len(groups) != len(values):
        raise ValueError(f"{len(groups)} group ids for {len(values)} rollouts")
    known = torch.ones_like(values, dtype=torch.bool) if missing is None else ~missing.reshape(values.shape)
    if not torch.isfinite(values[known]).all():
        raise ValueError("a reward is not finite; an unknown reward must be marked in `missing`")
    values = torch.where(known, values, 0.0)

    ids: dict[Hashable, int] = {}
    numbers = np.fromiter((ids.setdefault(g, len(ids)) for g in groups), dtype=np.int64, count=len(groups))
    member = torch.from_numpy(numbers).to(values.device)
    n_groups, n_rewards = len(ids), values.shape[1]

    def group_sum(x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(n_groups, x.shape[1], dtype=x.dtype, device=x.device).index_add_(0, member, x)

    # Differences to the largest known value of the group and reward: exact zeros for equal values.
    lowest = torch.full((n_groups, n_rewards), -math.inf, dtype=values.dtype, device=values.device)
    anchor = lowest.scatter_reduce_(
        0, member[:, None].expand(-1, n_rewards), torch.where(known, values, -math.inf), reduce="amax"
    )
    anchor = torch.where(torch.isfinite(anchor), anchor, 0.0)
    shifted = torch.where(known, values - anchor[member], 0.0)
    count = group_sum(known.to(values.dtype))
    mean = group_sum(shifted) / count.clamp(min=1.0)
    centred = torch.where(known, shifted - mean[member], 0.0).sum(dim=1, keepdim=True)
    centred = torch.where(centred.abs() < _TIE, 0.0, centred)

    size = group_sum(known.any(dim=1, keepdim=True).to(values.dtype))
    if norm_by_std:
        std = (group_sum(centred**2) / (size - 1).clamp(min=1.0)).sqrt()
        centred = centred / (std[member] + EPSILON)
    return torch.where(size[member] > 1, centred, 0.0).squeeze(1)
