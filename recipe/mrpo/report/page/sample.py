"""Which rollouts the page holds when there are more than it may: whole groups, the same questions in every run."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence

from recipe.mrpo.evaluate.rollouts import Rollout


class GroupSample:
    """A uniform random part of the groups of a stream of rollouts, with at most `limit` rollouts (one group at least).

    Bottom-k sampling: the groups with the smallest hashes stay. The hash of an evaluated rollout is that of its
    question, so two runs on the same questions keep the same ones; that of a training rollout is that of its group.
    Memory: O(limit).
    """

    def __init__(self, limit: int):
        self.limit, self.seen, self.held = limit, 0, 0
        self._groups: dict[int, list[Rollout]] = {}
        self._largest: list[int] = []  # a heap of the negated hashes that are held
        self._bound: int | None = None  # groups with this hash or a larger one have been dropped

    def add(self, rollout: Rollout) -> None:
        self.seen += 1
        place = _hash(rollout.group if rollout.origin == "train" else rollout.question_id)
        if self._bound is not None and place >= self._bound:
            return
        if place not in self._groups:
            self._groups[place] = []
            heapq.heappush(self._largest, -place)
        self._groups[place].append(rollout)
        self.held += 1
        self.shrink(self.limit)

    def shrink(self, limit: int) -> None:
        """Keep at most `limit` rollouts from now on."""
        self.limit = limit
        while self.held > self.limit and len(self._groups) > 1:
            self._bound = -heapq.heappop(self._largest)
            self.held -= len(self._groups.pop(self._bound))

    def __iter__(self) -> Iterator[Rollout]:
        """The kept rollouts in the order of the run: by origin, step, question, group and sample."""
        kept = (rollout for group in self._groups.values() for rollout in group)
        return iter(sorted(kept, key=_order))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


ORIGINS = ("evaluation", "validation", "train")


def _order(rollout: Rollout) -> tuple:
    step = -1 if rollout.step is None else rollout.step
    index = -1 if rollout.index is None else rollout.index
    place = (rollout.data_source, rollout.split, index, rollout.question_id, rollout.group)
    return ORIGINS.index(rollout.origin), step, place, rollout.sample


def fair_shares(held: Sequence[int], limit: int) -> list[int]:
    """How many of `limit` each run gets: an even part, and what others do not need.

    >>> fair_shares([4000, 100, 3000], 5000)
    [2450, 100, 2450]
    """
    shares = [0] * len(held)
    left = limit
    for rank, place in enumerate(sorted(range(len(held)), key=held.__getitem__)):
        shares[place] = min(held[place], left // (len(held) - rank))
        left -= shares[place]
    return shares
