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
    counted: np.ndarray
    """(S,) tokens of the run under the mask."""
    mask: torch.Tensor
    """(B, T) 1 for a token of the response."""
    without_gaps: bool
    """Is every run wholly under the mask, or behind the response and wholly outside it?"""

    @classmethod
    def of(cls, rows: Sequence[Sequence[Span]], mask: torch.Tensor, lengths: Sequence[int]) -> TokenRuns:
        """Runs of (B, T) tokens from the step spans of each row, in order and disjoint; cut at the width T.

        `lengths`: B numbers of tokens after which each response should end. They save a multiplication by the mask, and
        are checked: a response with gaps under its mask, or of another length, is cut at T alone.
        """
        on_cpu = mask.to("cpu", torch.int64)
        ends = np.minimum(np.fromiter(lengths, dtype=np.int64, count=len(rows)), mask.shape[1])
        runs = cls._cut_at(ends, rows, on_cpu, mask)
        if not runs.without_gaps:
            runs = cls._cut_at(np.full_like(ends, mask.shape[1]), rows, on_cpu, mask)
        return runs

    @classmethod
    def _cut_at(
        cls, ends: np.ndarray, rows: Sequence[Sequence[Span]], on_cpu: torch.Tensor, mask: torch.Tensor
    ) -> TokenRuns:
        """`ends`: (B,) where the response of each row ends; the tokens after it are one run."""
        width = mask.shape[1]
        # The end of each run of a row: outside and step in turn, the rest of the response, the tokens after it.
        size = 2 * np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)) + 2
        tail = ((width, width),)
        flat = chain.from_iterable(chain.from_iterable(chain(spans, tail) for spans in rows))
        edges = np.fromiter(flat, dtype=np.int64, count=int(size.sum()))
        last = np.cumsum(size) - 1
        first = last - size + 1
        limit = np.repeat(ends, size)
        limit[last] = width
        edges = np.minimum(edges, limit)
        length = np.diff(edges, prepend=0)
        length[first] = edges[first]
        at = np.arange(len(edges)) - np.repeat(first, size)
        step = (at + 1) // 2 * (at & 1)
        step[last] = 0
        keep = length > 0
        length = length[keep]
        starts = np.cumsum(length) - length
        counted = np.add.reduceat(on_cpu.numpy().ravel(), starts) if len(starts) else starts
        after = np.zeros(len(edges), dtype=bool)
        after[last] = True
        without_gaps = bool((counted == np.where(after[keep], 0, length)).all())
        return cls(step[keep], np.repeat(np.arange(len(rows)), size)[keep], length, counted, mask, without_gaps)

    def spread(self, per_step: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
        """Each token gets the value of its step, or of `outside`: (B, K) and (B,) to (B, T) float32, 0 where masked."""
        values = _with_outside(per_step, outside).to(torch.float32).numpy()[self.row, self.step]
        values[self.counted == 0] = 0.0
        flat = np.repeat(values, self.length)
        out = torch.from_numpy(flat.reshape(self.mask.shape)).to(self.mask.device)
        return out if self.without_gaps else out.mul_(self.mask)

    def changed_tokens(self, per_step: torch.Tensor, outside: torch.Tensor) -> dict[str, int]:
        """Tokens under the mask whose step has more ("up"), less ("down") or the same ("unchanged") as `outside`."""
        table = _with_outside(per_step, outside)
        direction = torch.sign(table - outside[:, None]).numpy()[self.row, self.step]
        return {n: int(self.counted[direction == s].sum()) for n, s in (("up", 1), ("down", -1), ("unchanged", 0))}


def _with_outside(per_step: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """(B, 1 + K): column 0 for the tokens outside every step."""
    return torch.cat([outside[:, None], per_step], dim=1)
