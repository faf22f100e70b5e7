"""Counts of right continuations -> step labels; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True)
class Count:
    """Continuations of one prefix: how many are known, and how many of these are right."""

    right: int
    known: int


def first_unknown(counts: Sequence[Count], *, min_known: int) -> int | None:
    """The first prefix (0: before step 1) with too few known continuations, so that no label beside it is known."""
    return next((k for k, count in enumerate(counts) if count.known < min_known), None)


def labels_of(counts: Sequence[Count], *, max_drop: float) -> tuple[int, ...]:
    """Labels of K steps from the counts of their K + 1 prefixes, each with a known continuation.

        v_k = right_k / known_k,   k = 0 … K      (v_0: before the first step)
        step k is valid if v_k >= v_{k-1} - max_drop

    The comparison is exact: 0.8 - 0.2 is 0.6. Source: the estimate of v_k by continuations is that of Math-Shepherd
    (arXiv 2312.08935), which keeps v_k itself (soft) or v_k > 0 (hard) as the label; the drop asks what one step did.

    >>> labels_of([Count(4, 8), Count(6, 8), Count(1, 8), Count(0, 8)], max_drop=0.25)
    (1, 0, 1)
    """
    shares = [Fraction(count.right, count.known) for count in counts]
    allowed = Fraction(str(max_drop))
    return tuple(int(after >= before - allowed) for before, after in pairwise(shares))
