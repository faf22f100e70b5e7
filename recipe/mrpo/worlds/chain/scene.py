"""Scenes of the chain world: one clue a step, c_k in 0..V-1, as a noisy picture; worlds/world.py has the right values.

Early clues are noisier than late ones: perception is hard, rules are easy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from recipe.mrpo.worlds import world


@dataclass(frozen=True)
class ChainWorld:
    steps: int = 5
    values: int = 6
    cascade: float = 1.0
    noise_first: float = 0.4
    """Standard deviation of the noise on the first clue's picture; it falls linearly to `noise_last`."""
    noise_last: float = 0.2

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.values,) * self.steps

    @property
    def dependent(self) -> tuple[bool, ...]:
        return world.dependent_steps(self.steps, self.cascade)

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


def draw(chain: ChainWorld, count: int, generator: torch.Generator) -> Scenes:
    """`count` scenes; no two have the same picture."""
    clues = torch.randint(chain.values, (count, chain.steps), generator=generator)
    noise = torch.randn(count, chain.steps, chain.values, generator=generator) * chain.noise()[None, :, None]
    pictures = torch.nn.functional.one_hot(clues, chain.values).float() + noise
    return Scenes(pictures, clues, world.truth(chain, clues))


def labels(chain: ChainWorld, scenes: Scenes, choices: torch.Tensor, kind: str) -> torch.Tensor:
    """(N, K) float64 labels of the chosen values by the judge `kind` (`scene` or `local`)."""
    return world.labels(chain, scenes.clues, choices, kind)
