"""Does the model look at the image, or guess from the question?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.answers import accuracy
from recipe.mrpo.evaluate.scores.columns import CONDITION_NUMBERS, UNKNOWN, Columns
from recipe.mrpo.evaluate.scores.intervals import figures
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.outcomes import outcome

SHOWN = 5
"""Most frequent answers that are listed."""


def looking_scores(every: Columns, options: ScoreOptions) -> dict[str, Any] | None:
    """Accuracy by condition, and what the image is worth; None where only the condition `image` was run.

    Compared are the questions that both conditions have, question by question (mean over its samples), "not known"
    counted as wrong.
    """
    numbers = {name: number for name, number in CONDITION_NUMBERS.items() if (every.condition == number).any()}
    if set(numbers) <= {"image"}:
        return None
    made: dict[str, Any] = {
        "conditions": {name: accuracy(every.where(every.condition == number), options)
                       for name, number in numbers.items()}
    }  # fmt: skip
    for name in ("no_image", "other_image"):
        if name in numbers and "image" in numbers:
            made[f"image_against_{name}"] = _against(every, numbers[name], options)
    return made


def _against(every: Columns, other: int, options: ScoreOptions) -> dict[str, Any]:
    seen, blind = every.where(every.condition == 0), every.where(every.condition == other)
    common = np.intersect1d(seen.question, blind.question)
    seen, blind = (part.where(np.isin(part.question, common)) for part in (seen, blind))
    if not len(common):
        return {"questions": 0}
    first = np.searchsorted(seen.question, common)  # rows are sorted by question
    base = seen.where(first)
    right = [_mean_right(part, common, options) for part in (seen, blind)]
    same = _same_answer(seen, blind, common)
    one = np.ones(len(common))
    shares = figures(
        base, {"right_without": (right[1], one), "same_answer": (np.nan_to_num(same), ~np.isnan(same))}, options
    )
    gain = figures(base, {"gain": (right[0] - right[1], one)}, options, means=frozenset({"gain"}))
    return {"questions": len(common), **gain, **shares}


def _mean_right(columns: Columns, questions: np.ndarray, options: ScoreOptions) -> np.ndarray:
    place = np.searchsorted(questions, columns.question)
    right = (outcome(columns, options) == 1).astype(float)
    return np.bincount(place, weights=right, minlength=len(questions)) / np.bincount(place, minlength=len(questions))


def _same_answer(seen: Columns, blind: Columns, questions: np.ndarray) -> np.ndarray:
    """1 where the first samples of both conditions answer with the same words; nan where one has no answer."""
    a, b = (part.answer[np.searchsorted(part.question, questions)] for part in (seen, blind))
    return np.where((a == UNKNOWN) | (b == UNKNOWN), np.nan, (a == b).astype(float))


def prior_scores(columns: Columns, options: ScoreOptions) -> dict[str, Any] | None:
    """Answer-prior bias over closed questions: is the model's favourite answer given more often than it is right?

        bias = share of answers "yes" - share of gold answers "yes"
        distance = 1/2 sum_a |share given a - share gold a|        total variation, 0: the same frequencies

    `best_constant`: the accuracy of the one answer that is right most often. None without closed questions.
    """
    closed = _closed(columns)
    if not len(closed):
        return None
    given, gold = (_frequencies(closed, name) for name in ("answer", "gold"))
    words = sorted(set(given) | set(gold))
    is_yes = [closed.data[name] == _number(closed, name, "yes") for name in ("answer", "gold")]
    known = np.ones(len(closed))
    found = figures(closed, {"bias": (is_yes[0].astype(float) - is_yes[1], known)}, options, means=frozenset({"bias"}))
    most = max(gold.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
    total = len(closed)
    return {
        "answers": total,
        "yes_given": float(is_yes[0].mean()),
        "yes_gold": float(is_yes[1].mean()),
        "yes_bias": found["bias"],
        "distance": 0.5 * sum(abs(given[w] - gold[w]) for w in words) / total,
        "best_constant": {"answer": most[0], "accuracy": most[1] / total},
        "most_given": [{"answer": w, "given": n / total, "gold": gold[w] / total} for w, n in
                       sorted(given.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]],
    }  # fmt: skip


def _closed(columns: Columns) -> Columns:
    """Rows marked CLOSED; without marks those with the gold answer yes or no."""
    if (columns.answer_type != UNKNOWN).any():
        return columns.where(columns.answer_type == _number(columns, "answer_type", "CLOSED"))
    return columns.where(np.isin(columns.gold, [_number(columns, "gold", word) for word in ("yes", "no")]))


def _number(columns: Columns, name: str, word: str) -> int:
    names = columns.names[name]
    return names.index(word) if word in names else UNKNOWN - 1


def _frequencies(columns: Columns, name: str) -> Counter[str]:
    names = columns.names[name]
    return Counter("(none)" if n == UNKNOWN else names[n] for n in columns.data[name])
