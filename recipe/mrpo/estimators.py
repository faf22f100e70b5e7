"""Advantage estimators registered in verl, and the way step labels reach them.

verl hands a custom estimator rewards, mask, group ids and the algorithm node, nothing else. What the reward manager
knows about each row travels beside it in a context variable, set by the trainer mixin for the length of one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from recipe.mrpo.algorithm import group_advantages, spread, step_advantages
from recipe.mrpo.record import RolloutRecord

ESTIMATORS = ("mrpo",)


@dataclass
class StepCredit:
    """Row data of one `_compute_advantage` call, in row order, and what the estimator found out about it."""

    records: Sequence[RolloutRecord | None]
    options: DictConfig
    norm_by_std: bool
    use_kl_in_reward: bool
    group_advantages: np.ndarray | None = field(default=None)
    """(B,) A_i, filled in by the estimator."""
    step_advantages: list[list[float]] | None = field(default=None)
    """Per row, the advantage of each step, filled in by the estimator."""
    token_shares: dict[str, float] = field(default_factory=dict)


CREDIT: ContextVar[StepCredit | None] = ContextVar("mrpo_step_credit", default=None)


def step_of_token(records: Sequence[RolloutRecord | None], width: int, device: torch.device) -> torch.Tensor:
    """(B, T) int64: number of the step that each response token belongs to, 0 outside every step.

    Each row is a run of segments (outside, step 1, outside, step 2, …), written in one pass.
    """
    values, lengths = [], []
    for record in records:
        at = 0
        for k, (t0, t1) in enumerate(record.spans if record else (), start=1):
            t0, t1 = min(t0, width), min(t1, width)
            values += (0, k)
            lengths += (t0 - at, t1 - t0)
            at = t1
        values.append(0)
        lengths.append(width - at)
    flat = np.repeat(np.array(values, dtype=np.int64), np.array(lengths, dtype=np.int64))
    return torch.from_numpy(flat.reshape(len(records), width)).to(device)


def reward_matrix(records: Sequence[RolloutRecord | None]) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted rewards (B, M) float64 and which of them are not known (B, M) bool; a row without a record has zeros."""
    names = list(dict.fromkeys(name for r in records if r for name, w in r.weights.items() if w != 0))
    values = torch.zeros(len(records), max(1, len(names)), dtype=torch.float64)
    missing = torch.zeros_like(values, dtype=torch.bool)
    for i, record in enumerate(records):
        for m, name in enumerate(names if record else ()):
            value = record.rewards.get(name)
            missing[i, m] = value is None
            values[i, m] = 0.0 if value is None else record.weights[name] * value
    return values, missing


def label_matrix(records: Sequence[RolloutRecord | None]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels (B, K) with NaN for unknown, number of steps (B,) and wrong answers (B,)."""
    counts = torch.tensor([len(r.steps) if r else 0 for r in records], dtype=torch.int64)
    labels = torch.full((len(records), int(counts.max()) if len(records) else 0), torch.nan, dtype=torch.float64)
    for i, record in enumerate(records):
        if record and record.labels:
            labels[i, : len(record.labels)] = torch.tensor(record.labels, dtype=torch.float64)
    wrong = torch.tensor([bool(r and r.wrong) for r in records])
    return labels, counts, wrong


def mrpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    config: Any = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """MRPO: group-relative advantages, reshaped inside the steps of wrong rollouts (`algorithm.step_advantages`).

    `token_level_rewards`, `response_mask`: (B, T). `index`: B group ids (verl's uid). Returns (advantages, returns),
    the same (B, T) float32 tensor twice, as verl's own outcome estimators do.

    Raises RuntimeError without the trainer mixin, which brings the labels. Source: arXiv 2606.31825; DESIGN section 1.
    """
    credit = CREDIT.get()
    if credit is None:
        raise RuntimeError(
            "algorithm.adv_estimator=mrpo has no step labels here: they reach it through verl's v1 trainers only; "
            "set trainer.use_v1=True."
        )
    options, records, device = credit.options, credit.records, response_mask.device
    rewards, missing = reward_matrix(records)
    if credit.use_kl_in_reward:
        # verl has put the KL penalty into the token rewards: what they hold beyond our rewards belongs to R too.
        known = torch.where(missing, 0.0, rewards).sum(dim=1)
        extra = (token_level_rewards * response_mask).sum(dim=1).to("cpu", torch.float64) - known
        rewards = torch.cat([rewards, extra[:, None]], dim=1)
        missing = torch.cat([missing, torch.zeros_like(extra, dtype=torch.bool)[:, None]], dim=1)
    advantages = group_advantages(rewards, list(index), norm_by_std=credit.norm_by_std, missing=missing)
    labels, counts, wrong = label_matrix(records)
    per_step = step_advantages(
        advantages, labels, counts, wrong, base=options.factor_base, round_factors=options.round_factors
    )
    tokens = step_of_token(records, response_mask.shape[1], device)
    out = spread(per_step.to(device), advantages.to(device), tokens, response_mask)

    credit.group_advantages = advantages.numpy()
    credit.step_advantages = [row[:n].tolist() for row, n in zip(per_step, counts.tolist(), strict=True)]
    credit.token_shares = _token_shares(advantages, per_step, tokens, response_mask)
    return out, out


def _token_shares(
    advantages: torch.Tensor, per_step: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor
) -> dict[str, float]:
    """Share of the response tokens whose advantage shaping raised, lowered and left alone."""
    direction = torch.sign(per_step - advantages[:, None]).to(mask.device)
    table = torch.nn.functional.pad(direction, (1, 0))  # column 0: outside every step, never changed
    counts = torch.zeros_like(table).scatter_add_(1, tokens, mask.to(table.dtype))
    total = float(mask.sum())
    up, down = (float(counts[table == sign].sum()) / total if total else 0.0 for sign in (1, -1))
    return {"up": up, "down": down, "unchanged": (1.0 if total else 0.0) - up - down}
