"""Advantage estimators registered in verl, and the way step labels reach them.

verl hands a custom estimator rewards, mask, group ids and the algorithm node, nothing else. What the reward manager
knows about each row travels beside it in a context variable, set by the trainer mixin for the length of one call.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain
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


@dataclass
class StepCredit:
    """Row data of one `_compute_advantage` call, in row order, and what the estimator found out about it."""

    records: Sequence[RolloutRecord | None]
    options: DictConfig
    norm_by_std: bool
    use_kl_in_reward: bool
    token_counts: dict[str, int] = field(default_factory=dict)
    """Filled in by the estimator: number of tokens whose advantage shaping raised, lowered, left alone."""


CREDIT: ContextVar[StepCredit | None] = ContextVar("mrpo_step_credit", default=None)


def reward_matrix(records: Sequence[RolloutRecord | None]) -> tuple[torch.Tensor, dict[str, float], torch.Tensor]:
    """Rewards (B, M) float64, the weight of each by name, and which of them are not known (B, M) bool.

    Rewards of weight 0 are left out; a row without a record has zeros.
    """
    seen: dict[str, float] = {}
    for record in records:
        seen |= record.weights if record else {}
    weights = {name: weight for name, weight in seen.items() if weight != 0} or {"none": 1.0}
    padding = dict.fromkeys(weights, 0.0)
    given = [r.rewards if r else padding for r in records]
    flat = [rewards.get(name) for rewards in given for name in weights]
    shape = (len(records), len(weights))
    missing = np.fromiter((value is None for value in flat), dtype=bool, count=len(flat)).reshape(shape)
    values = np.array(flat, dtype=np.float64).reshape(shape)  # None becomes NaN
    values[missing] = 0.0
    return torch.from_numpy(values), weights, torch.from_numpy(missing)


def label_matrix(records: Sequence[RolloutRecord | None]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels (B, K) with NaN for unknown, number of steps (B,) and wrong answers (B,)."""
    counts = np.array([len(r.steps) if r else 0 for r in records], dtype=np.int64)
    given = [r.labels if r and r.labels else () for r in records]
    known = np.array([len(labels) for labels in given], dtype=np.int64)
    table = np.full((len(records), counts.max(initial=0)), np.nan)
    table[np.arange(table.shape[1]) < known[:, None]] = np.fromiter(chain.from_iterable(given), dtype=np.float64)
    wrong = torch.tensor([bool(r and r.wrong) for r in records])
    return torch.from_numpy(table), torch.from_numpy(counts), wrong


def mrpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    config: Any = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Group-relative advantages, reshaped inside the steps of wrong rollouts by `mrpo.shaping` (MRPO by default).

    `token_level_rewards`, `response_mask`: (B, T). `index`: B group ids (verl's uid). Returns (advantages, returns),
    the same (B, T) float32 tensor twice, as verl's own outcome estimators do.

    Raises RuntimeError without the trainer mixin, which brings the labels. Source: arXiv 2606.31825.
    """
    credit = CREDIT.get()
    if credit is None:
        raise RuntimeError(
            "algorithm.adv_estimator=mrpo has no step labels here: they reach it through verl's v1 trainers only; "
            "set trainer.use_v1=True."
        )
    options, records = credit.options, credit.records
    labels, counts, wrong = label_matrix(records)
    shaping = get_shaping(options.shaping)
    values, weights, missing = reward_matrix(records)
    rewards = values * torch.tensor(list(weights.values()), dtype=torch.float64)
    known = torch.where(missing, 0.0, rewards).sum(dim=1)  # what the token rewards hold, before any of it is gated
    if shaping.process_only_if_right and "process" in weights:
        gated = wrong & ~missing[:, (m := list(weights).index("process"))]
        rewards[gated, m] = 0.0
    if credit.use_kl_in_reward:
        # verl has put the KL penalty into the token rewards: what they hold beyond our rewards belongs to R too.
        extra = (token_level_rewards * response_mask).sum(dim=1).to("cpu", torch.float64) - known
        rewards = torch.cat([rewards, extra[:, None]], dim=1)
        missing = torch.cat([missing, torch.zeros_like(extra, dtype=torch.bool)[:, None]], dim=1)
    advantages = group_advantages(rewards, list(index), norm_by_std=credit.norm_by_std, missing=missing)
    named = rule_options(options.shaping, shaping, **shaping_options(options))
    per_step = shape_steps(options.shaping, shaping, advantages, labels, counts, wrong, **named)
    runs = TokenRuns.of([r.spans if r else () for r in records], response_mask.shape[1])
    out = runs.spread(per_step, advantages, response_mask)

    credit.token_counts = _token_counts(advantages, per_step, runs, response_mask)
    return out, out


def gdpo_advantage(
    token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: np.ndarray, **_: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """GDPO over the rewards of MRPO's reward manager (`gdpo.gdpo_advantages`), A_i on every token of the rollout.

    Shapes as in `mrpo_advantage`. Called only where StepCredit is set; see `with_step_credit`.
    """
    credit = CREDIT.get()
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


def with_step_credit(ours, stock):
    """verl's own estimator of a name, except in a run whose rewards come from MRPO's reward manager.

    verl 0.9.1's v1 trainers give stock GDPO neither prompts nor reward components (KeyError: "prompts"), so there is
    nothing to lose there; the v0 trainer, and every run without our reward manager, gets `stock` unchanged.
    """

    @functools.wraps(stock)
    def estimator(*args, **kwargs):
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


def _token_counts(
    advantages: torch.Tensor, per_step: torch.Tensor, runs: TokenRuns, mask: torch.Tensor
) -> dict[str, int]:
    """Number of response tokens whose advantage shaping raised, lowered and left alone."""
    direction = np.sign((per_step - advantages[:, None]).numpy())
    direction = np.pad(direction, ((0, 0), (1, 0)))[runs.row, runs.step]  # outside every step: never changed
    starts = np.cumsum(runs.length) - runs.length
    tokens = np.add.reduceat(mask.cpu().numpy().ravel(), starts) if len(starts) else starts
    return {n: int(tokens[direction == s].sum()) for n, s in (("up", 1), ("down", -1), ("unchanged", 0))}
