"""The reference answers of a row, in one place for every trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def golds_of(ground_truth: str | Sequence[Any], extra_info: Mapping[str, Any]) -> tuple[str, ...]:
    """All answers that are right: `ground_truth`, then `extra_info["answers"]`, each once.

    Alternatives stand in extra_info, because ground_truth is one text in every file that verl is to join.
    """
    first = (ground_truth,) if isinstance(ground_truth, str) else tuple(ground_truth)
    more = extra_info.get("answers")
    return tuple(dict.fromkeys(map(str, (*first, *(() if more is None else more)))))
