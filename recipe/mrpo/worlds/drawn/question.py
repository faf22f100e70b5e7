"""A question of the drawn world: the chain of attributes that leads to its answer, and how strongly errors cascade."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from recipe.mrpo.worlds import world
from recipe.mrpo.worlds.drawn.words import VALUES, sentence, stated

CHAINS: dict[str, tuple[str, ...]] = {
    "level": ("modality", "region", "tone", "side", "level"),
    "side": ("region", "modality", "level", "tone", "side"),
    "tone": ("modality", "side", "level", "region", "tone"),
    "region": ("level", "tone", "side", "modality", "region"),
}
"""Asked attribute: the attributes that are read, in order; the asked one is the last.

Size, shape and count are shown and not asked: a model of this size does not learn them in minutes.
"""

_TEXT = re.compile(r"Which (\w+)\? (\d) readings depend on the one before\.")


@dataclass(frozen=True)
class Question:
    """One question, a World of worlds/world.py."""

    asked: str
    depends: int
    """Number of readings, the last ones, that depend on the one before: 0 to K - 1."""

    @property
    def attributes(self) -> tuple[str, ...]:
        return CHAINS[self.asked]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(VALUES[a]) for a in self.attributes)

    @property
    def dependent(self) -> tuple[bool, ...]:
        steps = len(self.attributes)
        return tuple(k >= steps - self.depends for k in range(steps))

    @property
    def text(self) -> str:
        return f"Which {self.asked}? {self.depends} readings depend on the one before."

    def steps(self, values: Sequence[int]) -> list[str]:
        """The sentences that state a chain of values."""
        return [sentence(a, v) for a, v in zip(self.attributes, values, strict=True)]

    def answer(self, values: Sequence[int]) -> str:
        """The word of the last value."""
        return VALUES[self.asked][values[-1]]

    def read(self, steps: Sequence[str]) -> list[int]:
        """The values that K steps state; -1 where a step does not state the attribute that is due."""
        said = [stated(step, a) for step, a in zip(steps, self.attributes, strict=False)]
        return said + [-1] * (len(self.attributes) - len(said))

    def labels(self, clues: Sequence[int], steps: Sequence[str], kind: str) -> tuple[int, ...]:
        """Exact labels of written steps, one for each; a step beyond the chain is invalid."""
        judged = world.labels(self, torch.tensor([list(clues)]), torch.tensor([self.read(steps)]), kind)[0]
        given = [int(v) for v in judged.tolist()][: len(steps)]
        return tuple(given + [0] * (len(steps) - len(given)))


def parse_question(text: str) -> Question:
    """The question of a text. Raises ValueError for any text that is not one of this world."""
    found = _TEXT.fullmatch(text.strip())
    if found is None or found[1] not in CHAINS or int(found[2]) >= len(CHAINS[found[1]]):
        raise ValueError(f"not a question of the drawn world: {text[:80]!r}")
    return Question(found[1], int(found[2]))


def questions(cascade: float) -> list[Question]:
    """Every question at one cascade strength, a share of the readings 2..K."""
    return [Question(asked, sum(world.dependent_steps(len(chain), cascade))) for asked, chain in CHAINS.items()]
