"""Shaping rules for comparison with the published one; named in an option as `recipe.mrpo.worlds.rules:flat_factor`.

Notation of credit/shaping/registry.py. f_k is the published factor, f its mean over the K steps.
"""

from __future__ import annotations

import torch

from recipe.mrpo.credit.shaping.mrpo import step_factors


def _factors(num_steps: torch.Tensor, width: int, factor_base: float) -> torch.Tensor:
    factors = step_factors(num_steps, factor_base=factor_base, round_factors=False)
    return torch.nn.functional.pad(factors, (0, width - factors.shape[1]))


def _shaped(advantages, labels, wrong, factors, *, lift: bool = True):
    advantage = advantages.to(torch.float64)[:, None]
    size = advantage.abs()
    valid = size.expand_as(labels) if lift else advantage.expand_as(labels)
    shaped = torch.where(labels == 1, valid, torch.where(labels == 0, -factors * size, advantage))
    return torch.where(wrong[:, None], shaped, advantage)


def flat_factor(advantages, labels, num_steps, wrong, *, factor_base):
    """The sign of each step as published, the same factor for all: invalid steps get -f |A_i|."""
    factors = _factors(num_steps, labels.shape[1], factor_base)
    mean = factors.sum(dim=1) / num_steps.clamp(min=1)
    return _shaped(advantages, labels, wrong, mean[:, None].expand_as(factors))


def reversed_factor(advantages, labels, num_steps, wrong, *, factor_base):
    """The last step is penalised hardest: invalid steps get -f_{K+1-k} |A_i|."""
    factors = _factors(num_steps, labels.shape[1], factor_base)
    k = torch.arange(labels.shape[1])[None, :]
    mirrored = (num_steps[:, None] - 1 - k).clamp(min=0)
    own = torch.where(k < num_steps[:, None], factors.gather(1, mirrored), 0.0)
    return _shaped(advantages, labels, wrong, own)


def no_lift(advantages, labels, num_steps, wrong, *, factor_base):
    """As published, but valid steps of a wrong rollout keep A_i instead of +|A_i|."""
    return _shaped(advantages, labels, wrong, _factors(num_steps, labels.shape[1], factor_base), lift=False)


def first_failure(advantages, labels, num_steps, wrong, *, factor_base):
    """The first invalid step is penalised (-f_k |A_i|), the steps before it are lifted, later steps keep A_i."""
    failed = (labels == 0).cumsum(dim=1)
    seen = torch.where((failed == 0) | ((failed == 1) & (labels == 0)), labels, torch.nan)
    return _shaped(advantages, seen, wrong, _factors(num_steps, labels.shape[1], factor_base))
