"""How the reasoning fails: valid steps, first failures and what follows them, answers against reasoning.

Steps lie in rollouts, rollouts in images: all intervals draw images anew, with all their rollouts and steps.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns
from recipe.mrpo.evaluate.scores.groups import counts, groups, known_attributes
from recipe.mrpo.evaluate.scores.intervals import Ratio, figures
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.outcomes import outcome
from recipe.mrpo.evaluate.scores.stages import stage_ratios
from recipe.mrpo.rollout.first_failure import STAGES

MEANS = frozenset({"steps_per_answer", "ffp", "far"})
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def reasoning_scores(columns: Columns, options: ScoreOptions) -> dict[str, Any]:
    """The figures of all rollouts, and of each group."""
    if options.reference:
        columns = as_released(columns)
    return {
        "overall": reasoning(columns, options),
        "by": {
            name: {value: reasoning(columns.where(rows), options) for value, rows in groups(columns, name)}
            for name in known_attributes(columns)
        },
    }


def as_released(columns: Columns) -> Columns:
    """The rows and labels that the study's released code counts.

    One row for each (image, question, answer), only rows with gold reasoning; a judgement that failed makes every step
    invalid.
    """
    _, first = np.unique(columns.asked, return_index=True)
    kept = np.zeros(len(columns), dtype=bool)
    kept[first] = True
    found = columns.where(kept & (columns.gold_reasoning == 1))
    failed = (found.valid == UNKNOWN) & (found.steps > 0)
    found.data |= {
        "valid": np.where(found.valid == UNKNOWN, 0, found.valid),
        "first": np.where(failed, 0, found.first),
        "ffp": np.where(failed, 0.0, found.ffp),
        "far": np.where(failed, np.where(found.steps > 1, 1.0, 0.0), found.far),
    }
    return found


def reasoning(columns: Columns, options: ScoreOptions) -> dict[str, Any]:
    """All figures of these rollouts. `valid_steps` counts labelled steps; its bounds take the others as 0 and as 1."""
    labelled = (columns.valid != UNKNOWN) & (columns.steps > 0)
    unknown = columns.valid == UNKNOWN
    failed = labelled & (columns.first != UNKNOWN)
    every = np.ones(len(columns))
    ffp, far = (np.where(failed, values, np.nan) for values in (columns.ffp, columns.far))
    valid = np.where(labelled, columns.valid, 0)
    ratios: dict[str, Ratio] = {
        "valid_steps": (valid, np.where(labelled, columns.steps, 0)),
        "steps_per_answer": (np.where(unknown, 0, columns.steps), ~unknown),
        "no_invalid_step": (labelled & ~failed, labelled),
        "ffp": (np.nan_to_num(ffp), failed),
        "far": (np.nan_to_num(far), failed),
    }
    ratios |= _far_in_bins(ffp, far, options)
    for place, cuts in enumerate(options.cuts):
        ratios |= stage_ratios(ffp, every, cuts, place)
    ratios |= _against_answers(columns, labelled, failed, options)
    found = figures(columns, ratios, options, means=MEANS | {name for name in ratios if name.startswith("far/")})
    steps, known_steps = int(columns.steps.sum()), int(columns.steps[labelled].sum())
    return {
        **counts(columns),
        "labelled": int(labelled.sum()),
        "failed_first": int(failed.sum()),
        "without_invalid_step": int((labelled & ~failed).sum()),
        "without_steps": int(((columns.steps == 0) & ~unknown).sum()),
        "not_known": int(unknown.sum()),
        "not_known_kinds": _statuses(columns, unknown),
        "steps": steps,
        "steps_labelled": known_steps,
        "valid_steps_bounds": [float(valid.sum()) / steps, float(valid.sum() + steps - known_steps) / steps]
        if steps else None,
        **{name: found[name] for name in ("valid_steps", "no_invalid_step", "steps_per_answer", "ffp", "far")},
        "steps_quantiles": _quantiles(columns.steps[~unknown]),
        "ffp_quantiles": _quantiles(ffp[failed]),
        "ffp_bins": _bins(found, ffp, options),
        "stages": _stages(found, int(unknown.sum()), len(columns), options),
        "answers": {name: found[name] for name in found if name.startswith(("right", "wrong"))},
    }  # fmt: skip


def bin_of(ffp: np.ndarray, width: float) -> np.ndarray:
    """Number of the bin [n width, (n + 1) width), the last one closed; -1 for nan. As `first_failure.far_by_ffp`."""
    last = math.ceil(1 / width - 1e-9) - 1
    place = np.minimum(np.floor(np.nan_to_num(ffp) / width + 1e-9).astype(int), last)
    return np.where(np.isnan(ffp), -1, place)


def _far_in_bins(ffp: np.ndarray, far: np.ndarray, options: ScoreOptions) -> dict[str, Ratio]:
    places = bin_of(ffp, options.ffp_width)
    failed = (places >= 0).astype(float)
    made: dict[str, Ratio] = {}
    for n in range(math.ceil(1 / options.ffp_width - 1e-9)):
        here = places == n
        made[f"far/{n}"] = np.where(here, np.nan_to_num(far), 0.0), here
        made[f"bin/{n}"] = here, failed
    return made


def _bins(found: dict[str, Any], ffp: np.ndarray, options: ScoreOptions) -> list[dict[str, Any]]:
    """FFP distribution, and FAR in each bin of it."""
    places, width = bin_of(ffp, options.ffp_width), options.ffp_width
    return [
        {"from": round(n * width, 9), "to": round(min(1.0, (n + 1) * width), 9), "rollouts": int((places == n).sum()),
         "share": found[f"bin/{n}"], "far": found[f"far/{n}"]}
        for n in range(math.ceil(1 / width - 1e-9))
    ]  # fmt: skip


def _stages(found: dict[str, Any], unknown: int, total: int, options: ScoreOptions) -> list[dict[str, Any]]:
    """By pair of cut-offs: shares of first failures, rates over all rollouts, and the rates' bounds.

    A rollout with unknown labels counts as one that did not fail; the upper bound takes all of them as failed there.
    """
    made = []
    for place, cuts in enumerate(options.cuts):
        rate = {name: found[f"rate/{place}/{name}"] for name in STAGES}
        bounds = {name: [rate[name]["value"], rate[name]["value"] + unknown / total] if total else None
                  for name in STAGES}  # fmt: skip
        share = {name: found[f"share/{place}/{name}"] for name in STAGES}
        made.append({"cuts": list(cuts), "share": share, "rate": rate, "rate_bounds": bounds})
    return made


def _against_answers(
    columns: Columns, labelled: np.ndarray, failed: np.ndarray, options: ScoreOptions
) -> dict[str, Ratio]:
    """Right answers with invalid reasoning (a step is invalid), and wrong ones with valid reasoning (none is).

    Over the answers whose steps are labelled.
    """
    result = outcome(columns, options)
    right, wrong = (result == 1) & labelled, (result == 0) & labelled
    return {
        "right_with_invalid_reasoning": (right & failed, right),
        "wrong_with_valid_reasoning": (wrong & ~failed, wrong),
    }


def _statuses(columns: Columns, unknown: np.ndarray) -> dict[str, int]:
    names = columns.names["judge_status"]
    return dict(sorted(Counter(names[n] for n in columns.judge_status[unknown]).items()))


def _quantiles(values: np.ndarray) -> dict[str, float] | None:
    if not len(values):
        return None
    return {str(q): float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}
