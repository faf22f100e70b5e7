"""Group-normalised step scores: a step is credited for being better than the same step of its siblings."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.group import EPSILON
from recipe.mrpo.credit.shaping.registry import ShapingError, register_shaping


@register_shaping("srar", changes_right_rollouts=True, learns_at_zero=True)
def group_normalised_steps(
    advantages: torch.Tensor,
    labels: torch.Tensor,
    num_steps: torch.Tensor,
    wrong: torch.Tensor,
    groups: torch.Tensor,
    *,
    step_weight: float = 1.0,
    step_std: bool = True,
) -> torch.Tensor:
    """Advantage of every step of every rollout, right or wrong, (B, K) float64.

        a_ik = A_i + w (v_ik - mean_k) / (std_k + eps)       step_std=true, the paper's
        a_ik = A_i + w (v_ik - mean_k)                       step_std=false, this package's

    mean_k and std_k (unbiased) are over the rollouts of the group that have a label for step k; with fewer than two of
    them, or no spread, the offset is 0. w is `step_weight`. The paper scores steps by rubric items; this rule takes the
    labels in their place. Its A_i comes from the outcome alone: set mrpo.rewards.process.weight=0 for it.
    Without the division a step that hardly any sibling fails weighs little, and so does a wrong label of it.
    Arguments: `registry.StepRule`. Raises ShapingError for a weight that is not a number >= 0.
    Source: arXiv 2605.17291, equations of the decoupled advantage and of the step normalisation.
    """
    if type(step_weight) not in (int, float) or not 0 <= step_weight <= 1000:
        raise ShapingError(f"mrpo.shaping_options.step_weight must be a number in [0, 1000], not {step_weight!r}.")
    if type(step_std) is not bool:
        raise ShapingError(f"mrpo.shaping_options.step_std must be true or false, not {step_std!r}.")
    labels = labels.to(torch.float64)
    known = ~torch.isnan(labels)
    values = torch.where(known, labels, 0.0)
    _, group = torch.unique(groups, return_inverse=True)
    size = (int(group.max()) + 1 if group.numel() else 0, labels.shape[1])
    count = values.new_zeros(size).index_add_(0, group, known.to(torch.float64))
    mean = values.new_zeros(size).index_add_(0, group, values) / count.clamp(min=1)
    apart = torch.where(known, values - mean[group], 0.0)
    if not step_std:
        return advantages.to(torch.float64)[:, None] + step_weight * apart
    std = (values.new_zeros(size).index_add_(0, group, apart**2) / (count - 1).clamp(min=1)).sqrt()
    spread = (std > EPSILON)[group]
    offset = torch.where(spread, apart / (std[group] + EPSILON), 0.0)
    return advantages.to(torch.float64)[:, None] + step_weight * offset
