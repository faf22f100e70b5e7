"""From steps to tokens: the tokens of a batch as runs that share one advantage.

Runs instead of a (B, T) table of step numbers: a batch of (512, 2048) has a few thousand runs and a million tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from recipe.mrpo.rollout.parsing import Span


@dataclass(frozen=True)
class TokenRuns:
    """The tokens of a batch as runs, row after row: outside, step 1, outside, step 2, …; empty runs left out."""

    step: np.ndarray
    """(S,) number of the step, 0 outside every step."""
    row: np.ndarray
    """(S,) row of the run."""
    length: np.ndarray
    """(S,) tokens of the run; the runs of a row add up to the width T."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[Span]], width: int) -> TokenRuns:
        """Runs of (B, `width`) tokens from the step spans of each row, in order and disjoint; cut at `width`."""
        flat = np.fromiter(chain.from_iterable(chain.from_iterable(rows)), dtype=np.int64)
        counts = np.array([len(row) for row in rows], dtype=np.int64)
        bounds = np.minimum(flat.reshape(-1, 2), width)
        # Each row: 0, t0, t1, t0, t1, …, width; the differences are the runs.
        edges = np.zeros(2 * len(bounds) + 2 * len(rows), dtype=np.int64)
        first = 2 * (np.cumsum(counts) - counts) + 2 * np.arange(len(rows))
        last = first + 2 * counts + 1
        inner = np.ones(len(edges), dtype=bool)
        inner[first] = inner[last] = False
        edges[inner], edges[last] = bounds.ravel(), width
        ends_run = np.ones(len(edges), dtype=bool)
        ends_run[first] = False
        length = np.diff(edges, prepend=0)[ends_run]
        row_of = np.repeat(np.arange(len(rows)), 2 * counts + 1)
        at = np.arange(len(row_of)) - np.repeat(np.cumsum(2 * counts + 1) - (2 * counts + 1), 2 * counts + 1)
        step = np.where(at % 2 == 1, (at + 1) // 2, 0)
        keep = length > 0
        return cls(step[keep], row_of[keep], length[keep])

    def spread(self, per_step: torch.Tensor, outside: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Each token gets the value of its step, or of `outside`: (B, K) and (B,) to (B, T) float32, 0 where masked."""
        table = torch.cat([outside[:, None], per_step], dim=1).to(torch.float32).numpy()
        flat = np.repeat(table[self.row, self.step], self.length)
        return torch.from_numpy(flat.reshape(mask.shape)).to(mask.device).mul_(mask)

    def changed_tokens(self, per_step: torch.Tensor, outside: torch.Tensor, mask: torch.Tensor) -> dict[str, int]:
        """Tokens under `mask` whose step has more ("up"), less ("down") or the same ("unchanged") as `outside`."""
        direction = np.sign((per_step - outside[:, None]).numpy())
        direction = np.pad(direction, ((0, 0), (1, 0)))[self.row, self.step]  # outside every step: never changed
        starts = np.cumsum(self.length) - self.length
        tokens = np.add.reduceat(mask.cpu().numpy().ravel(), starts) if len(starts) else starts
        return {n: int(tokens[direction == s].sum()) for n, s in (("up", 1), ("down", -1), ("unchanged", 0))}
