"""Scenes of the chain world.

A scene shows one clue a step, c_k in 0..V-1, as a noisy picture. The right value of step k is

    independent step    c_k
    dependent step     (c_k + the value before) mod V

`cascade` is the share of the steps 2..K that depend on the one before: 0 is a list of facts, 1 a full chain. The answer
is the last value. Early clues are noisier than late ones: perception is hard, rules are easy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ChainWorld:
    steps: int = 5
    values: int = 6
    cascade: float = 1.0
    noise_first: float = 0.4
    """Standard deviation of the noise on the first clue's picture; it falls linearly to `noise_last`."""
    noise_last: float = 0.2

    @property
    def dependent(self) -> torch.Tensor:
        """(K,) bool: which steps need the value before. The last ones do first, so that the answer is a conclusion."""
        count = round(self.cascade * (self.steps - 1))
        return torch.arange(self.steps) >= self.steps - count

    def noise(self) -> torch.Tensor:
        """(K,) noise of each step's clue."""
        return torch.linspace(self.noise_first, self.noise_last, self.steps)


@dataclass(frozen=True)
class Scenes:
    """`pictures`: (N, K, V) float32, what the policy sees. `clues`: (N, K) int64. `truth`: (N, K) int64."""

    pictures: torch.Tensor
    clues: torch.Tensor
    truth: torch.Tensor

    def repeat(self, times: int) -> Scenes:
        """Each scene `times` times, one after the other: the rollouts of a group."""
        return Scenes(*(t.repeat_interleave(times, dim=0) for t in (self.pictures, self.clues, self.truth)))


def draw(world: ChainWorld, count: int, generator: torch.Generator) -> Scenes:
    """`count` scenes; no two have the same picture."""
    clues = torch.randint(world.values, (count, world.steps), generator=generator)
    noise = torch.randn(count, world.steps, world.values, generator=generator) * world.noise()[None, :, None]
    pictures = torch.nn.functional.one_hot(clues, world.values).float() + noise
    truth = torch.zeros_like(clues)
    for k in range(world.steps):
        truth[:, k] = right_value(world, clues[:, k], truth[:, k - 1] if k else None, k)
    return Scenes(pictures, clues, truth)


def right_value(world: ChainWorld, clue: torch.Tensor, before: torch.Tensor | None, k: int) -> torch.Tensor:
    """Right value of step `k` (from 0), given the value before."""
    if before is None or not world.dependent[k]:
        return clue
    return (clue + before) % world.values


def labels(world: ChainWorld, scenes: Scenes, choices: torch.Tensor, kind: str) -> torch.Tensor:
    """(N, K) float64 labels of the chosen values: 1 valid, 0 invalid, by the judge `kind` (`scene` or `local`)."""
    if kind == "scene":
        return (choices == scenes.truth).to(torch.float64)
    if kind != "local":
        raise ValueError(f"a judge of the chain world is scene or local, not {kind!r}")
    columns = [
        choices[:, k] == right_value(world, scenes.clues[:, k], choices[:, k - 1] if k else None, k)
        for k in range(world.steps)
    ]
    return torch.stack(columns, dim=1).to(torch.float64)
