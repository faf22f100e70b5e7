"""What the start model is taught: right chains, and chains with an error that the later steps inherit."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from recipe.mrpo.worlds import world
from recipe.mrpo.worlds.drawn.scene import Scene


@dataclass(frozen=True)
class Slips:
    """Chance that a step of a lesson states a wrong value: `first` for the first step, falling linearly to `last`."""

    first: float
    last: float

    def of(self, step: int, steps: int) -> float:
        return self.first + (self.last - self.first) * step / (steps - 1)


def lesson(scene: Scene, slips: Slips, draw: random.Random) -> list[int]:
    """Values of a chain for one scene. Every step follows from the clue and the step before, or slips.

    A slip takes the next value of its attribute, so that errors are systematic: a model takes xray for ct, not for any.
    """
    question, clues = scene.question, torch.tensor([scene.clues])
    values: list[int] = []
    for k, size in enumerate(question.sizes):
        before = torch.tensor([values[-1]]) if values else None
        right = int(world.right_value(question, clues[:, k], before, k))
        values.append((right + 1) % size if draw.random() < slips.of(k, len(clues[0])) else right)
    return values


def completion(scene: Scene, values: list[int]) -> str:
    """The response that states a chain of values."""
    return f"<think>{' '.join(scene.question.steps(values))}</think><answer>{scene.question.answer(values)}</answer>"
