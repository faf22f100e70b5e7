"""MRPO: in a wrong rollout valid steps are reinforced and invalid ones penalised, early steps the most."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.registry import register_shaping


def step_factors(num_steps: torch.Tensor, *, factor_base: float, round_factors: bool) -> torch.Tensor:
    """How hard an invalid step is pushed down: the first one `factor_base` times, the last one once.

        f_k = factor_base ** (1 - (k - 1) / (K - 1))   for K > 1;   f_1 = 1   for K = 1

    `num_steps`: (B,) integers K. Returns (B, max K) float64; columns beyond a rollout's K are 0.
    `round_factors` rounds to two decimals, as the released code of the paper does.
    """
    width = int(num_steps.max()) if num_steps.numel() else 0
    kinds, kind = torch.unique(num_steps, return_inverse=True)  # a batch has few K, and powers are slow
    k = torch.arange(width, dtype=torch.float64, device=num_steps.device)
    total = kinds.to(torch.float64)[:, None]
    exponent = torch.where(total > 1, 1.0 - k / (total - 1.0).clamp(min=1.0), 0.0)
    factors = torch.pow(torch.as_tensor(factor_base, dtype=torch.float64, device=num_steps.device), exponent)
    if round_factors:
        factors = torch.round(factors, decimals=2)
    return torch.where(k < total, factors, 0.0)[kind]


@register_shaping("mrpo")
def step_advantages(
    advantages: torch.Tensor,
    labels: torch.Tensor,
    num_steps: torch.Tensor,
    wrong: torch.Tensor,
    *,
    factor_base: float,
    round_factors: bool,
) -> torch.Tensor:
    """Advantage of every step of every rollout.

        answer right, or label unknown     A_i
        answer wrong, v_k = 1             +|A_i|
        answer wrong, v_k = 0             -f_k |A_i|

    Arguments: `registry.StepRule`; `factor_base` and `round_factors` as in `step_factors`. Returns (B, K) float64.
    Source: arXiv 2606.31825.
    """
    advantage = advantages.to(torch.float64)[:, None]
    size = advantage.abs()
    labels = labels.to(torch.float64)
    factors = step_factors(num_steps, factor_base=factor_base, round_factors=round_factors)
    factors = torch.nn.functional.pad(factors, (0, labels.shape[1] - factors.shape[1]))
    shaped = torch.where(labels == 1, size, torch.where(labels == 0, -factors * size, advantage))
    return torch.where(wrong[:, None], shaped, advantage)
