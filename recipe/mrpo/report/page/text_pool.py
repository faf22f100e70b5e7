"""Texts of the page stored once, and the offsets of steps in an output as a browser counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TextPool:
    """Distinct values in order of arrival; `add` gives the place of a value."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Any, int] = {}

    def add(self, value: Any) -> int:
        place = self._places.setdefault(value, len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


def utf16_length(text: str) -> int:
    """Length of `text` in the units that JavaScript counts: two for a character beyond U+FFFF."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def step_places(output: str, steps: Sequence[str]) -> list[list[int] | str]:
    """[start, end) of each step in `output` in UTF-16 units; the step's text if it does not stand there in order.

    >>> step_places("<think>One. Two.</think>", ["One.", "Two.", "Three."])
    [[7, 11], [12, 16], 'Three.']
    """
    plain = output.isascii()
    places: list[list[int] | str] = []
    after = 0
    for step in steps:
        start = output.find(step, after) if step else -1
        if start < 0:
            places.append(step)
            continue
        after = start + len(step)
        places.append([start, after] if plain else [utf16_length(output[:start]), utf16_length(output[:after])])
    return places


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of `text`; a cut text ends in a note of how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters left out]"
