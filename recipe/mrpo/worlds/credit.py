"""From answer rewards and step labels to the advantage of every step, by the package's own functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from recipe.mrpo.credit.gdpo import gdpo_advantages
from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.worlds.arms import Arm


def step_advantages(
    arm: Arm,
    reward: torch.Tensor,
    labels: torch.Tensor,
    groups: Sequence[int],
    wrong: torch.Tensor,
    num_steps: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Float64 advantages of every step, (B, K), and of the tokens outside every step, (B,).

    `reward`: (B,) answer reward. `labels`: (B, K), NaN where the judgement failed and behind a rollout's own steps.
    `num_steps`: (B,) own steps, K for all if it is not given. A rollout without a step has a process reward of 0.
    """
    if num_steps is None:
        num_steps = torch.full((len(reward),), labels.shape[1], dtype=torch.int64)
    process = torch.where(num_steps > 0, labels.nanmean(dim=1), 0.0)  # NaN of a failed judgement stays unknown
    missing = torch.stack([torch.zeros_like(wrong), torch.isnan(process)], dim=1)
    both = torch.stack([reward, torch.nan_to_num(process)], dim=1)
    weights = torch.tensor([1.0, arm.process_weight], dtype=torch.float64)
    if arm.gdpo:
        whole = gdpo_advantages(
            both, weights.tolist(), groups, norm_by_std=arm.norm_by_std, final_norm="rollout", missing=missing,
            counted=torch.ones_like(wrong), lengths=num_steps,
        )  # fmt: skip
    else:
        whole = group_advantages(both * weights, groups, norm_by_std=arm.norm_by_std, missing=missing)
    shaping = get_shaping(arm.shaping)
    shared = {"factor_base": arm.factor_base, "round_factors": arm.round_factors}
    options = rule_options(arm.shaping, shaping, shared=shared, own=dict(arm.shaping_options))
    return shape_steps(arm.shaping, shaping, whole, labels, num_steps, wrong, groups=groups, **options), whole
