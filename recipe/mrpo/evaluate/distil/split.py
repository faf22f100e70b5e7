"""Which rollouts are held out, and which of the others are taken; by hashes, so the same files give the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def draw(text: str, *, seed: int) -> float:
    """A number in [0, 1) for a text; the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{text}".encode()).digest()[:8], "big") / 2**64


def components(images: Sequence[Sequence[str]]) -> list[str]:
    """For each rollout a name of all that hangs together with it: rollouts that share an image have the same one.

    `images`: the hashes of each rollout's images, at least one.

    >>> components([["b"], ["a", "b"], ["c"]])
    ['a', 'a', 'c']
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for own in images:
        for other in own[1:]:
            low, high = sorted((root(own[0]), root(other)))
            parent[high] = low
    return [root(own[0]) for own in images]


def held_out(images: Sequence[Sequence[str]], *, share: float, seed: int) -> list[bool]:
    """Is each rollout held out? Those of one image, or of images that a rollout shows together, are on one side."""
    return [draw(name, seed=seed) < share for name in components(images)]


def balanced(labels: Sequence[Sequence[int]], ids: Sequence[str], *, seed: int) -> list[bool]:
    """Which rollouts are taken so that as many have an invalid step as have none; of the larger side a drawn part."""
    sides: dict[bool, list[int]] = {True: [], False: []}
    for number, given in enumerate(labels):
        sides[0 in given].append(number)
    most = min(map(len, sides.values()))
    taken = {
        number
        for side in sides.values()
        for number in sorted(side, key=lambda at: (draw(ids[at], seed=seed), at))[:most]
    }
    return [number in taken for number in range(len(labels))]
