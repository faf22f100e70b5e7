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
class Edges:
    """Step spans of a batch as arrays: first and end token of each step, row after row."""

    steps: np.ndarray
    """(B,) int64 number of spans of each row."""
    tokens: np.ndarray
    """(2 S,) int64: first token and end of each span."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[Span]]) -> Edges:
        steps = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        numbers = chain.from_iterable(chain.from_iterable(rows))
        return cls(steps, np.fromiter(numbers, dtype=np.int64, count=2 * int(steps.sum())))

    @classmethod
    def none(cls, rows: int) -> Edges:
        """No row has a step."""
        return cls(np.zeros(rows, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def only(self, rows: np.ndarray) -> Edges:
        """The others have no spans; `rows`: (B,) bool."""
        return Edges(np.where(rows, self.steps, 0), self.tokens[np.repeat(rows, 2 * self.steps)])


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
    def of(
        cls, rows: Sequence[Sequence[Span]] | Edges, mask: torch.Tensor, lengths: Sequence[int] | np.ndarray
    ) -> TokenRuns:
        """Runs of (B, T) tokens from the step spans of each row, in order and disjoint; cut at the width T.

        `lengths`: B numbers of tokens after which each response should end. They save a multiplication by the mask, and
        are checked: a response with gaps under its mask, or of another length, is cut at T alone.
        """
        on_cpu = mask.cpu()
        flat = (on_cpu.view(torch.uint8) if on_cpu.dtype == torch.bool else on_cpu).numpy().ravel()  # no copy
        spans = rows if isinstance(rows, Edges) else Edges.of(rows)
        ends = np.minimum(np.asarray(lengths, dtype=np.int64), mask.shape[1])
        runs = cls._cut_at(ends, spans, flat, mask)
        if not runs.without_gaps:
            runs = cls._cut_at(np.full_like(ends, mask.shape[1]), spans, flat, mask)
        return runs

    @classmethod
    def _cut_at(cls, ends: np.ndarray, spans: Edges, flat: np.ndarray, mask: torch.Tensor) -> TokenRuns:
        """`ends`: (B,) where the response of each row ends; the tokens after it are one run. `flat`: the mask."""
        width = mask.shape[1]
        # The end of each run of a row: outside and step in turn, the rest of the response, the tokens after it.
        size = 2 * spans.steps + 2
        last = np.cumsum(size) - 1
        first = last - size + 1
        of_steps = np.ones(int(size.sum()), dtype=bool)
        of_steps[last] = of_steps[last - 1] = False
        edges = np.full(len(of_steps), width)
        edges[of_steps] = spans.tokens
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
        counted = np.add.reduceat(flat, starts, dtype=np.int64) if len(starts) else starts
        after = np.zeros(len(edges), dtype=bool)
        after[last] = True
        without_gaps = bool((counted == np.where(after[keep], 0, length)).all())
        return cls(step[keep], np.repeat(np.arange(len(size)), size)[keep], length, counted, mask, without_gaps)

    def spread(self, per_step: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
        """Each token gets the value of its step, or of `outside`: (B, K) and (B,) to (B, T) float32, 0 where masked."""
        values = _with_outside(per_step, outside)[self.row, self.step].astype(np.float32)
        values[self.counted == 0] = 0.0
        flat = np.repeat(values, self.length)
        out = torch.from_numpy(flat.reshape(self.mask.shape)).to(self.mask.device)
        return out if self.without_gaps else out.mul_(self.mask)

    def changed_tokens(self, per_step: torch.Tensor, outside: torch.Tensor) -> dict[str, int]:
        """Tokens under the mask whose step has more ("up"), less ("down") or the same ("unchanged") as `outside`."""
        apart = _with_outside(per_step, outside)[self.row, self.step] - outside.numpy()[self.row]
        up, down = int(self.counted[apart > 0].sum()), int(self.counted[apart < 0].sum())
        return {"up": up, "down": down, "unchanged": int(self.counted.sum()) - up - down}


def _with_outside(per_step: torch.Tensor, outside: torch.Tensor) -> np.ndarray:
    """(B, 1 + K): column 0 for the tokens outside every step."""
    return np.concatenate([outside.numpy()[:, None], per_step.numpy()], axis=1)
