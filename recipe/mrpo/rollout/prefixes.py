"""The beginnings of a rollout, up to the end of each step: what a model can go on from."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.mrpo.rollout.steps import Step


def prefixes_of(text: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """K + 1 texts: all before the first step, then all up to the end of step 1, 2, … K.

    >>> prefixes_of("<think>A. B.</think>", [Step(7, 9, 7), Step(10, 12, 9)])
    ('<think>', '<think>A.', '<think>A. B.')
    """
    return (text[: steps[0].start], *(text[: step.end] for step in steps)) if steps else ()


def prefixes_by_texts(text: str, steps: Sequence[str]) -> tuple[str, ...]:
    """The same where only the texts of the steps are known; () if they do not stand in `text` in this order."""
    found: list[Step] = []
    at = 0
    for step in steps:
        start = text.find(step, at)
        if start < 0 or not step:
            return ()
        at = start + len(step)
        found.append(Step(start, at, start))
    return prefixes_of(text, found)
