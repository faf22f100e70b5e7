"""What the worlds have in common: a case of K clues, read step by step, and when a step is valid.

The right value of step k is, by index among the values of that step,

    independent step    c_k                                c_k: the clue, which the picture shows
    dependent step      (c_k + the value before) mod V_k

so an error is inherited by the dependent steps behind it. The answer is the last value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

KINDS = ("scene", "local")
"""Judges: `scene`, the step is true in the scene; `local`, it follows from the clue and the step before."""


class World(Protocol):
    """A world, or one question of it. Both tuples have one item a step."""

    @property
    def sizes(self) -> Sequence[int]:
        """Number of values of each step."""
        ...

    @property
    def dependent(self) -> Sequence[bool]:
        """Which steps need the value before."""
        ...


def dependent_steps(steps: int, cascade: float) -> tuple[bool, ...]:
    """Which of K steps need the one before, for a share `cascade` of the steps 2..K; the last ones do first.

    0 is a list of facts, 1 a full chain. The answer is a conclusion before it is anything else.
    """
    count = round(cascade * (steps - 1))
    return tuple(k >= steps - count for k in range(steps))


def right_value(world: World, clue: torch.Tensor, before: torch.Tensor | None, k: int) -> torch.Tensor:
    """Right value of step `k` (from 0), given the value before."""
    if before is None or not world.dependent[k]:
        return clue
    return (clue + before) % world.sizes[k]


def truth(world: World, clues: torch.Tensor) -> torch.Tensor:
    """(N, K) right values of (N, K) clues."""
    values = torch.zeros_like(clues)
    for k in range(clues.shape[1]):
        values[:, k] = right_value(world, clues[:, k], values[:, k - 1] if k else None, k)
    return values


def clues_of(world: World, values: torch.Tensor) -> torch.Tensor:
    """(N, K) clues whose right values are `values`: the reverse of `truth`."""
    clues = values.clone()
    for k in range(1, values.shape[1]):
        if world.dependent[k]:
            clues[:, k] = (values[:, k] - values[:, k - 1]) % world.sizes[k]
    return clues


def labels(world: World, clues: torch.Tensor, choices: torch.Tensor, kind: str) -> torch.Tensor:
    """(N, K) float64 labels of the chosen values: 1 valid, 0 invalid. A choice below 0 is no value: invalid.

    After a step without a value a dependent step follows from nothing: `local` calls it invalid.
    """
    if kind == "scene":
        return (choices == truth(world, clues)).to(torch.float64)
    if kind != "local":
        raise ValueError(f"a judge of a world is one of {', '.join(KINDS)}, not {kind!r}")
    columns = []
    for k in range(choices.shape[1]):
        before = choices[:, k - 1] if k else None
        valid = choices[:, k] == right_value(world, clues[:, k], before, k)
        if before is not None and world.dependent[k]:
            valid &= before >= 0
        columns.append(valid)
    return torch.stack(columns, dim=1).to(torch.float64)
