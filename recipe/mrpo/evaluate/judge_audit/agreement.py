"""How far two judges agree: pure functions on their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe.mrpo.evaluate.judge_audit.measures import kappa_of, measures

Labels = "Sequence[int] | None"


@dataclass(frozen=True)
class Confusion:
    """Counts of steps by (label of the first judge, label of the second)."""

    both_valid: int
    only_first: int
    only_second: int
    both_invalid: int

    @property
    def total(self) -> int:
        return self.both_valid + self.only_first + self.only_second + self.both_invalid

    @property
    def agreement(self) -> float | None:
        """Share of steps with equal labels; None without steps."""
        return (self.both_valid + self.both_invalid) / self.total if self.total else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (`measures.kappa_of`)."""
        cells = {(1, 1): self.both_valid, (1, 0): self.only_first, (0, 1): self.only_second, (0, 0): self.both_invalid}
        return kappa_of(pair for pair, count in cells.items() for _ in range(count))


@dataclass(frozen=True)
class Audit:
    """Two judges on the same rollouts; rollouts that either of them failed on are counted and left out."""

    confusion: Confusion
    by_position: tuple[Confusion, ...]
    rollouts: int
    first_failed: int
    second_failed: int


def compare(first: Sequence[Labels], second: Sequence[Labels]) -> Audit:
    """Compare labels rollout by rollout; `by_position[k-1]` holds step k of all rollouts that have one.

    None stands for a failed judgement. Raises ValueError if the judges saw different rollouts.
    """
    pairs = list(zip(first, second, strict=True))
    judged = [(a, b) for a, b in pairs if a is not None and b is not None]
    for number, (a, b) in enumerate(pairs):
        if a is not None and b is not None and len(a) != len(b):
            raise ValueError(f"rollout {number} has {len(a)} steps for one judge and {len(b)} for the other")
    longest = max((len(a) for a, _ in judged), default=0)
    positions = [[(a[k], b[k]) for a, b in judged if k < len(a)] for k in range(longest)]
    return Audit(
        confusion=_confusion([pair for position in positions for pair in position]),
        by_position=tuple(map(_confusion, positions)),
        rollouts=len(judged),
        first_failed=sum(a is None for a, _ in pairs),
        second_failed=sum(b is None for _, b in pairs),
    )


def kappa_interval(
    first: Sequence[Labels], second: Sequence[Labels], *, resamples: int, seed: int
) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of kappa; whole rollouts are drawn, because steps of one hang together.

    None where kappa is not defined in any resample.
    """
    found = measures(first, second, resamples=resamples, seed=seed)["kappa"]
    return None if found["low"] is None or found["high"] is None else (found["low"], found["high"])


def _confusion(pairs: Sequence[tuple[int, int]]) -> Confusion:
    return Confusion(pairs.count((1, 1)), pairs.count((1, 0)), pairs.count((0, 1)), pairs.count((0, 0)))
