"""GDPO: normalise each reward in its group, sum, then normalise over the batch (arXiv 2601.05242). Pure tensors."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch

from recipe.mrpo.credit.final_norms import FINAL_NORMS
from recipe.mrpo.credit.group import EPSILON, numbered, relative


def gdpo_advantages(
    rewards: torch.Tensor,
    weights: Sequence[float],
    groups: Sequence[Hashable],
    *,
    norm_by_std: bool,
    final_norm: str,
    counted: torch.Tensor,
    lengths: torch.Tensor | None,
    missing: torch.Tensor | None = None,
) -> torch.Tensor:
    """Advantage of each rollout.

        A_im = (r_im - mean_G r_m) / (std_G r_m + 1e-4)        each reward m in its own group
        A_i  = sum_m w_m A_im
        out  = (A_i - mean A) / (std A + 1e-4)                 over the batch

    `rewards`: (B, M) before weights. `weights`: M numbers. `missing`: (B, M) bool, unknown rewards, as in
    `group_advantages`. `counted`: (B,) bool, rows of the batch statistics (verl's padding rows are left out).
    `lengths`: (B,) response tokens, read by "token" alone. `final_norm`: "rollout" takes the batch statistics over
    rollouts (the paper), "token" over tokens, each rollout counting as often as it is long (verl), "none" leaves A_i.

    Returns (B,) float64. Raises ValueError for another `final_norm`. Source: arXiv 2601.05242, section 3.
    """
    if final_norm not in FINAL_NORMS:
        raise ValueError(f"mrpo.gdpo.final_norm={final_norm!r} is unknown; choose one of {', '.join(FINAL_NORMS)}.")
    values = rewards.to(torch.float64).numpy(force=True)
    known = np.ones(values.shape, dtype=bool) if missing is None else ~missing.numpy(force=True)
    rollouts, n_rewards = values.shape
    member = numbered(groups, rollouts)
    # One call for all rewards: those of a group that have one name are a group.
    own = (np.arange(n_rewards)[:, None] * (member.max(initial=0) + 1) + member).ravel()
    each = relative(values.T.reshape(-1, 1), known.T.reshape(-1, 1), own, norm_by_std=norm_by_std)
    weighted = each.reshape(n_rewards, rollouts) * np.asarray(weights, dtype=np.float64)[:, None]
    total = torch.from_numpy(weighted.sum(axis=0)).to(rewards.device)
    if final_norm == "none":
        return total
    if final_norm == "token" and lengths is None:
        raise ValueError("mrpo.gdpo.final_norm=token needs the length of each response")
    weight = torch.where(counted, 1.0 if lengths is None or final_norm != "token" else lengths.to(torch.float64), 0.0)
    count = weight.sum()
    if count <= 1:
        return torch.zeros_like(total)
    mean = (weight * total).sum() / count
    std = ((weight * (total - mean) ** 2).sum() / (count - 1)).sqrt()
    return (total - mean) / (std + EPSILON)
