"""The choices of a multiple choice in a user's own files, and which one is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_preprocess.source.errors import BadRow
from data_preprocess.source.fields import optional_text
from reward_fns.choices import chosen_text


def choices_of_record(values: Any, mapping: dict[str, Any], file: Path, where: int | str) -> tuple[str, ...]:
    """The choices of a record: one column each (an empty cell is none), or a list or a separated text in one.

    () for a data set without choices. Raises BadRow for fewer than two.
    """
    columns, separator = mapping["choices"], mapping.get("choice_separator")
    if len(columns) == 1 and isinstance(values, dict):
        cell = values.get(columns[0])
        given = cell.split(separator) if separator and isinstance(cell, str) else cell
        if not isinstance(given, (list, tuple)):
            raise BadRow(file, where, f"{columns[0]} must hold a list of choices, or a text with choice_separator")
        values, columns = dict(enumerate(given)), tuple(range(len(given)))
    found = [optional_text(values, column, file, where) for column in columns]
    choices = tuple(text for text in found if text is not None)
    if mapping["choices"] and len(choices) < 2:
        raise BadRow(file, where, "a multiple choice needs two choices or more")
    return choices


def right_choice(raw: str, choices: tuple[str, ...], file: Path, where: int | str) -> str:
    """The text of the right choice, from its text or its letter. Raises BadRow if the answer is none of them."""
    right = raw if raw in choices else chosen_text(raw, choices)
    if right not in choices:
        raise BadRow(file, where, f"answer {raw!r} is neither the text nor the letter of one of the choices")
    return right
