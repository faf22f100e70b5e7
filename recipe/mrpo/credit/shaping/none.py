"""No shaping: GRPO on the same rewards."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.registry import register_shaping


@register_shaping("none", reads_labels=False)
def unshaped(
    advantages: torch.Tensor, labels: torch.Tensor, num_steps: torch.Tensor, wrong: torch.Tensor
) -> torch.Tensor:
    """A_i on every step: GRPO, with unknown rewards left out of the group statistics. Source: arXiv 2402.03300."""
    return advantages.to(torch.float64)[:, None].expand(-1, labels.shape[1])
