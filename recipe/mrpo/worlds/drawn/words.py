"""The words of the drawn world: attributes, their values in order, and the sentence that states a value."""

from __future__ import annotations

import re

VALUES: dict[str, tuple[str, ...]] = {
    "modality": ("xray", "ct", "mri"),
    "region": ("head", "chest", "limb"),
    "side": ("left", "middle", "right"),
    "level": ("upper", "central", "lower"),
    "tone": ("dark", "grey", "bright"),
    "size": ("tiny", "moderate", "large"),
    "shape": ("disc", "ring", "bar"),
    "count": ("one", "two", "three"),
}
"""What the picture shows of each attribute. The place of a value in its row is its index."""

_SENTENCE = re.compile(r"\s*([A-Za-z]+) ([a-z]+)\.?\s*")


def sentence(attribute: str, index: int) -> str:
    """The step that states a value: `Side left.`"""
    return f"{attribute.capitalize()} {VALUES[attribute][index]}."


def stated(step: str, attribute: str) -> int:
    """Index of the value that a step states of `attribute`; -1 for any other text."""
    found = _SENTENCE.fullmatch(step)
    if found is None or found[1].lower() != attribute or found[2] not in VALUES[attribute]:
        return -1
    return VALUES[attribute].index(found[2])
