"""Made-up rollouts for the estimators, as the reward workers would hand them over."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import torch

from recipe.mrpo.report.recompute import recompute
from recipe.mrpo.rollout.record import RolloutRecord

Batch = tuple[list[RolloutRecord], torch.Tensor, torch.Tensor, np.ndarray]


def make_batch(rows: int, length: int, group: int, steps: int, seed: int) -> Batch:
    """Records, token rewards (B, T), mask (B, T) and B group ids of rollouts whose steps fill most of the response."""
    rng = random.Random(seed)
    records, lengths = [], []
    for _ in range(rows):
        n = rng.randint(length // 2, length)
        k = rng.randint(max(1, steps // 2), steps)
        edges = sorted(rng.sample(range(1, n - 1), k + 1))
        labels = [int(rng.random() < 0.7) for _ in range(k)]
        answer = float(rng.random() < 0.5)
        records.append(
            RolloutRecord(
                steps=["A sentence."] * k,
                spans=list(pairwise(edges)),
                labels=labels,
                judge_status="ok",
                rewards={"answer": answer, "process": sum(labels) / k, "length": -(k - 10) / 10 if k > 10 else 0.0},
                weights={"answer": 1.0, "process": 1.0, "length": 1.0},
                answer="yes",
                wrong=answer <= 0.6,
                well_formed=True,
                response_tokens=n,
            )
        )
        lengths.append(n)
    ends = torch.tensor(lengths)
    mask = (torch.arange(length)[None, :] < ends[:, None]).to(torch.int64)
    rewards = torch.zeros(rows, length)
    rewards[torch.arange(rows), ends - 1] = torch.tensor([r.total for r in records], dtype=torch.float32)
    index = np.array([f"uid-{i // group}" for i in range(rows)], dtype=object)
    return records, rewards, mask, index


def expected_advantages(records: Sequence[RolloutRecord], mask: torch.Tensor, index: np.ndarray) -> torch.Tensor:
    """(B, T) float64 on the CPU: the formula in plain Python (report/recompute.py), token by token."""
    expected = torch.zeros(mask.shape, dtype=torch.float64)
    rows = [{"uid": f"{uid}_0_0", "mrpo": asdict(record)} for uid, record in zip(index, records, strict=True)]
    for i, (outside, per_step) in enumerate(recompute(rows, tau=0.6, base=math.e)):
        expected[i] = outside
        for (t0, t1), value in zip(records[i].spans, per_step, strict=True):
            expected[i, t0:t1] = value
    return expected.mul_(mask.cpu())


def largest_deviation(
    advantages: torch.Tensor, records: Sequence[RolloutRecord], mask: torch.Tensor, index: np.ndarray
) -> float:
    """Largest |given - expected| / max(1, |expected|) over all tokens."""
    expected = expected_advantages(records, mask, index)
    return float(((advantages.cpu().double() - expected).abs() / expected.abs().clamp(min=1)).max())
