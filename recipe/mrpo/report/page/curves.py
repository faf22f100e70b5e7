"""Training curves: which metrics of a run the page draws, by the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CURVES = (
    ("Answer reward", "mrpo/reward/answer"),
    ("Process reward", "mrpo/reward/process"),
    ("Wrong answers", "mrpo/wrong_answers"),
    ("Valid steps", "mrpo/valid_steps"),
    ("First failure position", "mrpo/ffp"),
    ("Steps per rollout", "mrpo/steps_per_rollout"),
    ("Response tokens", "response_length/mean"),
    ("Tokens pushed down", "mrpo/tokens/down"),
    ("Judge failures so far", "mrpo/judge/failures_total"),
    ("KL loss", "actor/kl_loss"),
    ("Gradient norm", "actor/grad_norm"),
    ("Entropy", "actor/entropy"),
    ("Seconds a step", "timing_s/step"),
)
MAX_POINTS = 400


def curves(steps: Mapping[int, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Series of the metrics that the run has: name, key and (step, value) pairs.

    A long run is thinned evenly to MAX_POINTS points; first and last stay. Step 0 is validation alone.
    """
    made = []
    for name, key in CURVES:
        points = [[step, data[key]] for step, data in steps.items() if step > 0 and key in data]
        if points:
            made.append({"name": name, "key": key, "points": thinned(points), "of": len(points)})
    return made


def thinned(points: list) -> list:
    if len(points) <= MAX_POINTS:
        return points
    return [points[round(i * (len(points) - 1) / (MAX_POINTS - 1))] for i in range(MAX_POINTS)]
