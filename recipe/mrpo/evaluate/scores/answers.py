"""Accuracy with bounds and intervals, pass@k, and the difference that this many questions can show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.columns import UNKNOWN, Columns
from recipe.mrpo.evaluate.scores.groups import counts, groups, known_attributes
from recipe.mrpo.evaluate.scores.intervals import by_cluster, figures
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.outcomes import counted, outcome, unknown_kinds
from recipe.mrpo.evaluate.statistics import detectable_difference
from recipe.mrpo.evaluate.statistics.cluster import percentile_interval, ratio_draws


def answer_scores(columns: Columns, options: ScoreOptions) -> dict[str, Any]:
    """Accuracy of all rollouts (micro), of each group, and the plain mean over data sets (macro)."""
    sets = list(groups(columns, "data_source"))
    return {
        "micro": accuracy(columns, options),
        "macro": macro(columns, options),
        "by": {
            name: {value: accuracy(columns.where(rows), options) for value, rows in groups(columns, name)}
            for name in known_attributes(columns)
        },
        "by_set_and_type": {
            value: {
                kind: accuracy(columns.where(rows).where(inner), options)
                for kind, inner in groups(columns.where(rows), "answer_type")
            }
            for value, rows in sets
        },
    }


def accuracy(columns: Columns, options: ScoreOptions) -> dict[str, Any]:
    """Right answers over answers.

        right / N        "not known" counts as wrong; bounds: all not known wrong, all not known right

    `reference`: right / (right + wrong), the rule of the study's released code; N is then right + wrong.
    """
    result = outcome(columns, options)
    right, wrong, unknown = (int((result == value).sum()) for value in (1, 0, UNKNOWN))
    base = counted(columns, options)
    inside = columns.where(base)
    ratios = {"accuracy": ((result[base] == 1), np.ones(int(base.sum())))}
    ratios |= {f"pass@{k}": pass_at(inside, result[base] == 1, k) for k in options.pass_at if k > 1}
    found = figures(inside, ratios, options)
    total = right + wrong + unknown
    made = {
        **counts(columns),
        "right": right,
        "wrong": wrong,
        "not_known": unknown,
        "not_known_kinds": dict(sorted(unknown_kinds(columns, options).items())),
        "accuracy": found.pop("accuracy"),
        "bounds": [right / total, (right + unknown) / total] if total else None,
        "samples_per_question": total / len(np.unique(columns.question)) if total else None,
        "detectable": detectable(inside, result[base] == 1, options),
    }
    return made | ({"pass_at": found} if found else {})


def pass_at(columns: Columns, right: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """pass@k of each question on its first row: the chance that one of k drawn answers is right.

        1 - C(n - c, k) / C(n, k)        n answers to the question, c of them right

    Unbiased, and not defined for n < k: such a question counts in no denominator. Source: Chen et al. 2021
    (arXiv 2107.03374).
    """
    top, bottom = np.zeros(len(columns)), np.zeros(len(columns))
    _, first, place = np.unique(columns.question, return_index=True, return_inverse=True)
    n, c = np.bincount(place), np.bincount(place, weights=right).astype(int)
    for question, row in enumerate(first):
        if n[question] >= k:
            missed = math.comb(int(n[question] - c[question]), k) / math.comb(int(n[question]), k)
            top[row], bottom[row] = 1 - missed, 1
    return top, bottom


def detectable(columns: Columns, right: np.ndarray, options: ScoreOptions) -> dict[str, float] | None:
    """The smallest difference between two runs on these questions that a paired test finds: see `power.py`.

    `independent`: if no two questions hung together; `clustered`: with the design effect of this accuracy.
    """
    questions = len(np.unique(columns.question))
    if not questions:
        return None
    effect = design_effect(columns, right)
    given = {"discordant": options.discordant, "power": options.power, "level": options.level}
    return {
        **given,
        "design_effect": effect,
        "independent": detectable_difference(questions, **given),
        "clustered": detectable_difference(questions, design_effect=effect, **given),
    }


def design_effect(columns: Columns, right: np.ndarray) -> float:
    """Variance of the accuracy with questions in clusters, over that of as many independent questions; at least 1.

    deff = C/(C-1) sum_c (sum_{q in c} (r_q - p))^2 / sum_q (r_q - p)^2     r_q share of right answers to q, p mean
    """
    _, first, place = np.unique(columns.question, return_index=True, return_inverse=True)
    share = np.bincount(place, weights=right) / np.bincount(place)
    off = share - share.mean()
    sums = by_cluster(columns.where(first), off)
    if len(sums) < 2 or not (off**2).sum() > 0:
        return 1.0
    return max(1.0, len(sums) / (len(sums) - 1) * float((sums**2).sum() / (off**2).sum()))


def macro(columns: Columns, options: ScoreOptions) -> dict[str, Any]:
    """The plain mean of the accuracies of the data sets; the clusters of each set are drawn apart."""
    values, drawn, fewest = [], [], []
    for place, (_, rows) in enumerate(groups(columns, "data_source")):
        part = columns.where(rows)
        base = counted(part, options)
        part, right = part.where(base), outcome(part, options)[base] == 1
        if not len(part):
            continue
        top, bottom = by_cluster(part, right.astype(float)), by_cluster(part, np.ones(len(part)))
        values.append(float(top.sum() / bottom.sum()))
        drawn.append(ratio_draws(top, bottom, draws=options.draws, seed=options.seed + place)[:, 0])
        fewest.append(len(top))
    made: dict[str, Any] = {"sets": len(values), "value": float(np.mean(values)) if values else None}
    if not values or min(fewest) < 2:
        return made | {"low": None, "high": None, "method": "none"}
    low, high = percentile_interval(np.mean(drawn, axis=0), level=options.level, clusters=min(fewest))
    return made | {"low": max(0.0, low), "high": min(1.0, high), "method": "cluster bootstrap within sets"}
