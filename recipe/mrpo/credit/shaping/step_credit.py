"""Step credit with its parts by option; without options it is the published rule (`mrpo`)."""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.factors import FORMS, formed_factors
from recipe.mrpo.credit.shaping.registry import ShapingError, register_shaping

VALID_OF_WRONG = ("up", "keep")
AFTER_FIRST_FAILURE = ("shape", "keep")


@register_shaping("step_credit", changes_right_rollouts="invalid_of_right")
def step_credit(
    advantages: torch.Tensor,
    labels: torch.Tensor,
    num_steps: torch.Tensor,
    wrong: torch.Tensor,
    *,
    factor_base: float,
    round_factors: bool,
    factor: str = "exponential",
    equal_mean: bool = False,
    valid_of_wrong: str = "up",
    after_first_failure: str = "shape",
    invalid_of_right: float = 0.0,
) -> torch.Tensor:
    """Advantage of every step of every rollout, (B, K) float64.

        wrong, v_k = 1       +|A_i|, or A_i with valid_of_wrong=keep
        wrong, v_k = 0       -f_k |A_i|, f_k by `factor` and `equal_mean` (`factors.formed_factors`)
        wrong, k > k*        the same, or A_i with after_first_failure=keep
        right, v_k = 0       A_i - p |A_i|, p = invalid_of_right in [0, 2]: 1 takes A_i > 0 to 0, 2 turns it
        else                 A_i

    Arguments: `registry.StepRule`. Raises ShapingError for a value out of range.
    Source: arXiv 2606.31825; its ablations do not vary these parts.
    """
    _check("factor", factor, FORMS)
    _check("valid_of_wrong", valid_of_wrong, VALID_OF_WRONG)
    _check("after_first_failure", after_first_failure, AFTER_FIRST_FAILURE)
    if type(equal_mean) is not bool:
        raise ShapingError(f"mrpo.shaping_options.equal_mean must be true or false, not {equal_mean!r}.")
    if type(invalid_of_right) not in (int, float) or not 0 <= invalid_of_right <= 2:
        raise ShapingError(
            f"mrpo.shaping_options.invalid_of_right must be a number in [0, 2], not {invalid_of_right!r}."
        )
    advantage = advantages.to(torch.float64)[:, None]
    size = advantage.abs()
    labels = labels.to(torch.float64)
    factors = formed_factors(
        num_steps, form=factor, equal_mean=equal_mean, factor_base=factor_base, round_factors=round_factors
    )
    factors = torch.nn.functional.pad(factors, (0, labels.shape[1] - factors.shape[1]))
    valid, invalid = labels == 1, labels == 0
    shaped = torch.where(valid, size if valid_of_wrong == "up" else advantage, advantage)
    shaped = torch.where(invalid, -factors * size, shaped)
    if after_first_failure == "keep":
        before = invalid.cumsum(dim=1) - invalid.to(torch.int64)  # invalid steps before this one
        shaped = torch.where(before > 0, advantage, shaped)
    right = torch.where(invalid, advantage - invalid_of_right * size, advantage)
    return torch.where(wrong[:, None], shaped, right)


def _check(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ShapingError(f"mrpo.shaping_options.{name} must be one of {', '.join(allowed)}, not {value!r}.")
