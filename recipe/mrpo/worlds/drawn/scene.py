"""Seeded scenes of the drawn world, and the combinations that training never sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from recipe.mrpo.worlds import world
from recipe.mrpo.worlds.drawn.question import Question, questions
from recipe.mrpo.worlds.drawn.words import VALUES

SPLITS = ("train", "test", "shifted")
_STREAM = {"train": 1, "test": 2, "shifted": 3, "lessons": 4}


@dataclass(frozen=True)
class Scene:
    """What a picture shows, a question about it, and the seed of the picture's noise."""

    shown: Mapping[str, int]
    """Index of the shown value of every attribute: the clues."""
    question: Question
    noise_seed: int

    @property
    def clues(self) -> list[int]:
        return [self.shown[a] for a in self.question.attributes]

    @property
    def truth(self) -> list[int]:
        """The right values, step by step."""
        return world.truth(self.question, torch.tensor([self.clues]))[0].tolist()


def held_out(shown: Mapping[str, int]) -> bool:
    """Is this a combination of modality, region and tone that only the shifted test has? A third of them are."""
    return (shown["modality"] + shown["region"] + shown["tone"]) % 3 == 0


def scenes(split: str, *, cascade: float, seed: int) -> Iterator[Scene]:
    """Scenes without end; the same arguments give the same ones. `lessons` are more of the kind of `train`."""
    draw = np.random.default_rng([_STREAM[split], seed])
    asked = questions(cascade)
    while True:
        shown = {name: int(draw.integers(len(values))) for name, values in VALUES.items()}
        question, noise_seed = asked[int(draw.integers(len(asked)))], int(draw.integers(2**31))
        if held_out(shown) == (split == "shifted"):
            yield Scene(shown, question, noise_seed)
