"""ClassLabel columns of Hugging Face data sets: numbers in the file, their names in its schema."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa


def class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of each ClassLabel column; {} where the schema tells none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: feature.get("names") for name, feature in features.items() if _is_label(feature)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {name: names for name, names in found.items() if _are_names(names)}


def label_name(value: Any, names: list[str]) -> Any:
    """The name of a label; None for -1, which stands for no label. Raises ValueError for a number without a name."""
    if not isinstance(value, int) or value == -1:
        return None if value == -1 else value
    if not 0 <= value < len(names):
        raise ValueError(f"the label {value} is not one of its {len(names)} names")
    return names[value]


def _is_label(feature: Any) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel"


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
