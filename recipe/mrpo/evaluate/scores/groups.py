"""The groups that figures are told apart by: data set, answer type, modality, organ, question type."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns

MOST = 40
"""Groups of one kind that are shown; the others are pooled, and the pool says how many they are."""
NOT_KNOWN = "(not known)"


def groups(columns: Columns, attribute: str) -> Iterator[tuple[str, np.ndarray]]:
    """(name, rows) of each value of an attribute, by name; rows without a value are a group, too."""
    values = columns.data[attribute]
    numbers, counts = np.unique(values, return_counts=True)
    largest = numbers[np.argsort(-counts, kind="stable")][:MOST]
    for number in sorted(largest, key=lambda n: (n == UNKNOWN, n)):
        yield (NOT_KNOWN if number == UNKNOWN else columns.names[attribute][number]), values == number
    if len(numbers) > MOST:
        yield f"({len(numbers) - MOST} others)", ~np.isin(values, largest)


def known_attributes(columns: Columns) -> list[str]:
    """Attributes that at least one rollout has."""
    return [name for name in ("data_source", "answer_type", "modality", "organ", "question_type")
            if (columns.data[name] != UNKNOWN).any()]  # fmt: skip


def counts(columns: Columns) -> dict[str, int]:
    """N: rollouts, questions, images and clusters."""
    return {
        "rollouts": len(columns),
        "questions": len(np.unique(columns.question)),
        "images": len(np.unique(columns.image)),
        "clusters": len(np.unique(columns.cluster)),
    }
