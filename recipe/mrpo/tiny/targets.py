"""What the tiny model is taught to say: the gold reasoning, wrong now and then, in the asked format."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from recipe.mrpo.tiny.rows import Row


@dataclass(frozen=True, slots=True)
class Noise:
    """How often a lesson departs from the gold reasoning, so that there is something left for RL to learn."""

    wrong_step: float
    """Chance that a sentence is taken from another row, from the same place in it."""
    wrong_end: float
    """Chance that the last sentence and the answer are taken from another row, both from the same one."""
    drop: float
    """Chance that one sentence is left out, if two remain."""
    extra: float
    """Chance that a sentence of another row is put in."""


def completion(sentences: Sequence[str], answer: str, think_tag: str) -> str:
    """``<think>first sentence. second sentence.</think><answer>answer</answer>``."""
    return f"<{think_tag}>{' '.join(sentences)}</{think_tag}><answer>{answer}</answer>"


def gold(row: Row) -> str:
    """The completion that is right."""
    return completion(row.sentences, row.answer, row.think_tag)


def lesson(row: Row, others: Sequence[Row], noise: Noise, draw: random.Random) -> str:
    """One noisy version of the row's gold completion.

    A wrong answer comes with the wrong last sentence that leads to it: as in real reasoning, and so that the labels of
    the steps have something to do with the reward of the answer.
    """
    sentences, answer = list(row.sentences), row.answer
    for place in range(len(sentences) - 1):
        if draw.random() < noise.wrong_step:
            other = draw.choice(others).sentences
            sentences[place] = other[min(place, max(0, len(other) - 2))]
    if draw.random() < noise.wrong_end:
        other_row = draw.choice(others)
        sentences[-1], answer = other_row.sentences[-1], other_row.answer
    if len(sentences) > 2 and draw.random() < noise.drop:
        del sentences[draw.randrange(len(sentences) - 1)]
    if draw.random() < noise.extra:
        sentences.insert(draw.randrange(len(sentences)), draw.choice(draw.choice(others).sentences))
    return completion(sentences, answer, row.think_tag)
