"""Forms of the factor of an invalid step k of K: how hard it is pushed down."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.mrpo import step_factors

FORMS = ("exponential", "linear", "flat", "reversed")


def formed_factors(
    num_steps: torch.Tensor, *, form: str, equal_mean: bool, factor_base: float, round_factors: bool
) -> torch.Tensor:
    """Factors (B, max K) float64; b is `factor_base`, columns beyond a rollout's K are 0, K = 1 has factor 1.

        exponential   b ** (1 - (k - 1) / (K - 1))       the published one, b at the first step, 1 at the last
        linear        b - (b - 1) (k - 1) / (K - 1)
        flat          1
        reversed      the exponential one of step K + 1 - k

    `equal_mean` scales each rollout's factors to the mean of its exponential ones, so that forms can be compared.
    """
    exponential = step_factors(num_steps, factor_base=factor_base, round_factors=round_factors)
    total = num_steps.to(torch.float64)[:, None]
    k = torch.arange(exponential.shape[1], dtype=torch.float64, device=num_steps.device)
    own = k < total
    if form == "exponential":
        return exponential
    if form == "linear":
        out = torch.where(total > 1, factor_base - (factor_base - 1) * k / (total - 1).clamp(min=1), 1.0)
        out = torch.round(out, decimals=2) if round_factors else out
    elif form == "flat":
        out = torch.ones_like(exponential)
    else:
        mirrored = (total - 1 - k).clamp(min=0).to(torch.int64)
        out = exponential.gather(1, mirrored)
    out = torch.where(own, out, 0.0)
    if equal_mean:
        out = out * (exponential.sum(dim=1) / out.sum(dim=1).clamp(min=1.0))[:, None]
    return out
