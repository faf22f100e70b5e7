"""Labels and advantages by the place of a step in its rollout."""

from __future__ import annotations

from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout

LAST = 12
"""Steps from this one on share the last place."""


class ByPosition:
    """For each place k of a step: how many are labelled and valid, and the mean advantage by label.

    Advantages are of rollouts with a wrong answer alone: the rule of MRPO changes only those.
    """

    def __init__(self) -> None:
        self._places = [[0, 0, 0.0, 0, 0.0, 0] for _ in range(LAST)]  # labelled, valid, then sum and number by label

    def add(self, rollout: Rollout) -> None:
        if rollout.labels is None:
            return
        given = rollout.step_advantages or (None,) * len(rollout.labels)
        for k, (label, advantage) in enumerate(zip(rollout.labels, given, strict=True)):
            place = self._places[min(k, LAST - 1)]
            place[0] += 1
            place[1] += label
            if rollout.wrong and advantage is not None:
                place[2 + 2 * (1 - label)] += advantage
                place[3 + 2 * (1 - label)] += 1

    def rows(self) -> list[dict[str, Any]]:
        """One row a place that has a step; a mean of nothing is None."""
        return [
            {
                "place": k,
                "or_later": k == LAST,
                "labelled": labelled,
                "valid": valid,
                "advantage_valid": total_valid / n_valid if n_valid else None,
                "advantage_invalid": total_invalid / n_invalid if n_invalid else None,
            }
            for k, (labelled, valid, total_valid, n_valid, total_invalid, n_invalid) in enumerate(self._places, 1)
            if labelled
        ]
