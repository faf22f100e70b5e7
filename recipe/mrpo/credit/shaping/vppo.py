"""The verified prefix: the steps before the first error are rewarded, everything from it on is penalised."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.registry import register_shaping


@register_shaping("vppo")
def verified_prefix(
    advantages: torch.Tensor, labels: torch.Tensor, num_steps: torch.Tensor, wrong: torch.Tensor
) -> torch.Tensor:
    """Advantage of every step of every rollout, (B, K) float64.

        wrong, k <  k*                       +|A_i|
        wrong, k >= k*                       -|A_i|
        right, no invalid step, or unknown    A_i

    The idea of VPPO in advantage form; the paper itself puts a reward on the last token of the prefix and keeps its
    own weights. Arguments: `registry.StepRule`. Source of the idea: arXiv 2601.18984, abstract and section 4.
    """
    advantage = advantages.to(torch.float64)[:, None]
    size = advantage.abs()
    invalid = labels == 0
    shaped = torch.where(invalid.cumsum(dim=1) > 0, -size, size)
    applies = wrong[:, None] & invalid.any(dim=1, keepdim=True) & ~torch.isnan(labels)
    return torch.where(applies, shaped, advantage)
