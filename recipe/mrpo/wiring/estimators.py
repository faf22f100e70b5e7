"""Advantage estimators registered in verl, and the way step labels reach them.

verl gives a custom estimator only rewards, mask, group ids and the algorithm node. The record of the reward manager
about each row travels in a context variable, set by the trainer mixin for the length of one call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from recipe.mrpo.credit.gdpo import gdpo_advantages
from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.credit.token_runs import TokenRuns
from recipe.mrpo.options.tree import shaping_options
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.reward_table import answer_states, label_matrix, reward_matrix, weighted_rewards
from recipe.mrpo.wiring.rollout_data import RolloutRow

Advantages = tuple[torch.Tensor, torch.Tensor]
"""(advantages, returns), both (B, T) float32, as verl's estimators return them."""


@dataclass
class StepCredit:
    """The rows of one `_compute_advantage` call, in row order, and the estimator's findings about them."""

    records: Sequence[RolloutRecord | None]
    options: DictConfig
    norm_by_std: bool
    use_kl_in_reward: bool
    rows: Sequence[RolloutRow] = ()
    rollouts_missing: int = 0
    """Number of rollouts that are missing for these prompts."""
    token_counts: dict[str, int] = field(default_factory=dict)
    """Tokens whose advantage shaping raised, lowered, left alone. verl's estimators return two tensors and no more."""


CREDIT: ContextVar[StepCredit | None] = ContextVar("mrpo_step_credit", default=None)


def mrpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    config: Any = None,
    **_: Any,
) -> Advantages:
    """Group-relative advantages, reshaped inside the steps of wrong rollouts by `mrpo.shaping` (MRPO by default).

    `token_level_rewards`, `response_mask`: (B, T). `index`: B group ids (verl's uid). Returns the same (B, T) float32
    tensor twice, as verl's own outcome estimators do.

    Raises RuntimeError without the trainer mixin, which brings the labels; ValueError for a reward or a shaping rule
    that no advantage can be computed with. Source: arXiv 2606.31825.
    """
    credit = CREDIT.get()
    if credit is None:
        raise RuntimeError(
            "algorithm.adv_estimator=mrpo has no step labels here: they reach it through verl's v1 trainers only; "
            "set trainer.use_v1=True."
        )
    out, credit.token_counts = step_credit_advantages(credit, token_level_rewards, response_mask, index)
    return out, out


def step_credit_advantages(
    credit: StepCredit, token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: np.ndarray
) -> tuple[torch.Tensor, dict[str, int]]:
    """Token advantages (B, T) float32 of `mrpo_advantage`, and how many tokens shaping raised, lowered, left alone."""
    name, records = credit.options.shaping, credit.records
    shaping = get_shaping(name)
    rewards, missing = weighted_rewards(records, process_only_if_right=shaping.process_only_if_right)
    if credit.use_kl_in_reward:
        penalty, nothing_known = _kl_penalty(records, token_level_rewards, response_mask)
        rewards, missing = torch.cat([rewards, penalty], dim=1), torch.cat([missing, nothing_known], dim=1)
    advantages = group_advantages(rewards, list(index), norm_by_std=credit.norm_by_std, missing=missing)

    wrong, undecided = answer_states(records)
    named = rule_options(name, shaping, **shaping_options(credit.options))
    labels, num_steps = label_matrix(records, (wrong | shaping.changes_right(named)).tolist())
    per_step = shape_steps(name, shaping, advantages, labels, num_steps, wrong, groups=list(index), **named)
    per_step = torch.where(undecided[:, None], advantages[:, None], per_step)

    # A rollout with one advantage on all its tokens is one run, so only the others' spans are read.
    shaped = (per_step != advantages[:, None]).any(dim=1).tolist()
    spans = [r.spans if s and r is not None else () for r, s in zip(records, shaped, strict=True)]
    runs = TokenRuns.of(spans, response_mask, [0 if r is None else r.response_tokens for r in records])
    return runs.spread(per_step, advantages), runs.changed_tokens(per_step, advantages)


def _kl_penalty(
    records: Sequence[RolloutRecord | None], token_level_rewards: torch.Tensor, response_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The part of the token rewards that verl added to our rewards (B, 1), and the rows without a record."""
    ours = torch.tensor([0.0 if r is None else r.total for r in records], dtype=torch.float64)
    given = (token_level_rewards * response_mask).sum(dim=1).to("cpu", torch.float64)
    unknown = torch.tensor([r is None or all(v is None for v in r.rewards.values()) for r in records])
    return (given - ours)[:, None], unknown[:, None]


def gdpo_advantage(
    token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: np.ndarray, **_: Any
) -> Advantages:
    """GDPO over the rewards of MRPO's reward manager (`gdpo.gdpo_advantages`), A_i on every token of the rollout.

    Shapes as in `mrpo_advantage`. Called only where StepCredit is set; see `with_step_credit`.
    """
    credit = CREDIT.get()
    assert credit is not None
    values, weights, missing = reward_matrix(credit.records)
    advantages = gdpo_advantages(
        values,
        list(weights.values()),
        list(index),
        norm_by_std=credit.norm_by_std,
        final_norm=credit.options.gdpo.final_norm,
        counted=torch.tensor([r is not None for r in credit.records]),
        lengths=response_mask.sum(dim=1).cpu(),
        missing=missing,
    )
    out = advantages.to(response_mask.device, torch.float32)[:, None] * response_mask
    return out, out


def with_step_credit(ours: Callable[..., Advantages], stock: Callable[..., Advantages]) -> Callable[..., Advantages]:
    """verl's own estimator of a name, except in a run whose rewards come from MRPO's reward manager.

    verl 0.9.1's v1 trainers give stock GDPO neither prompts nor reward components (KeyError: "prompts"), so there is
    nothing to lose there; the v0 trainer, and every run without our reward manager, gets `stock` unchanged.
    """

    @functools.wraps(stock)
    def estimator(*args: Any, **kwargs: Any) -> Advantages:
        credit = CREDIT.get()
        known = credit is not None and any(r is not None for r in credit.records)
        return (ours if known else stock)(*args, **kwargs)

    return estimator


def register_estimators(module: ModuleType) -> None:
    """Add `mrpo` to verl's estimators and put `gdpo` over verl's own. `module`: `verl.trainer.ppo.core_algos`.

    `register_adv_est` refuses a second function for a name, so the registry's own dict is written (verl 0.9.1).
    """
    module.register_adv_est("mrpo")(mrpo_advantage)
    registry = module.ADV_ESTIMATOR_REGISTRY
    registry["gdpo"] = with_step_credit(gdpo_advantage, registry["gdpo"])
