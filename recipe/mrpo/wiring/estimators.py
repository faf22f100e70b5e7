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
from recipe.mrpo.credit.token_runs import Edges, TokenRuns
from recipe.mrpo.options.tree import shaping_options
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.batch_table import BatchTable
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

    @functools.cached_property
    def table(self) -> BatchTable:
        """The records as arrays. Raises ValueError for a reward that no advantage can be computed with."""
        return BatchTable.of(self.records)


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
    name, table, groups = credit.options.shaping, credit.table, list(index)
    shaping = get_shaping(name)
    rewards, missing = table.weighted_rewards(process_only_if_right=shaping.process_only_if_right)
    if credit.use_kl_in_reward:
        penalty, nothing_known = _kl_penalty(credit.records, token_level_rewards, response_mask)
        rewards, missing = torch.cat([rewards, penalty], dim=1), torch.cat([missing, nothing_known], dim=1)
    advantages = group_advantages(rewards, groups, norm_by_std=credit.norm_by_std, missing=missing)

    named = rule_options(name, shaping, **shaping_options(credit.options))
    changes = table.wrong | shaping.changes_right(named)
    labels = torch.where(changes[:, None], table.labels, torch.nan)
    per_step = shape_steps(name, shaping, advantages, labels, table.num_steps, table.wrong, groups=groups, **named)
    per_step = torch.where(table.undecided[:, None], advantages[:, None], per_step)

    # A rollout with one advantage on all its tokens is one run.
    shaped = (per_step != advantages[:, None]).any(dim=1).numpy()
    runs = TokenRuns.of(table.spans.only(shaped), response_mask, table.response_tokens)
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
    table, final_norm = credit.table, credit.options.gdpo.final_norm
    advantages = gdpo_advantages(
        table.values,
        list(table.weights.values()),
        list(index),
        norm_by_std=credit.norm_by_std,
        final_norm=final_norm,
        counted=torch.tensor([r is not None for r in credit.records]),
        lengths=response_mask.sum(dim=1).cpu() if final_norm == "token" else None,
        missing=table.missing,
    )
    no_steps = advantages.new_empty(len(advantages), 0)
    out = TokenRuns.of(Edges.none(len(advantages)), response_mask, table.response_tokens).spread(no_steps, advantages)
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
