"""Accuracy and where reasoning fails first in verl's dumps, by exact `scene` labels of what the model wrote.

The run's own judge may have been `local` or degraded; its labels are not used here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recipe.mrpo.rollout.first_failure import first_failure_position
from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.worlds.drawn.judge import case_of

EARLY = 1 / 3


def measure(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rates over all rollouts of dumped rows; a rollout without a step fails early.

    Raises ValueError for no rows, and for a row that is not of the drawn world.
    """
    count = early = right = failing = valid = well_formed = 0
    for row in rows:
        case = row["mrpo"]["case"]
        question, clues = case_of(case["question"], case["gold_reasoning"])
        text = row["output"]
        parsed = parse(text)
        steps = [text[s.start : s.end] for s in split_steps(parsed, splitter="rules", unclosed_think="drop")]
        labels = list(question.labels(clues, steps, "scene"))
        missing = len(question.attributes) - len(labels)
        labels += [0] * max(0, missing)  # a reading that is not there is not right
        position = first_failure_position(labels)
        count += 1
        early += position is not None and position < EARLY
        failing += position is not None
        valid += sum(labels) / len(labels)
        right += (parsed.answer or "").strip() == str(row["gts"]).strip()
        well_formed += parsed.well_formed
    if not count:
        raise ValueError("there is no rollout to measure")
    return {
        "early_rate": early / count,
        "accuracy": right / count,
        "early_share": early / failing if failing else 0.0,
        "valid_steps": valid / count,
        "well_formed": well_formed / count,
        "rollouts": count,
    }
