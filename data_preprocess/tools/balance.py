"""Success without the image: priors of the answers, balance of types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from data_preprocess.source.text import is_yes_no, join_text

Counts = Counter[str]


def majority_accuracy(pairs: Iterable[tuple[str, str]]) -> float:
    """Share of rows that the most frequent answer to the same question text in the *other* rows gets right.

    How far a model gets that never sees the image. `pairs` are (question, answer), compared as joins do; a question
    asked once counts as wrong, a tie as right. 0 for no rows.
    """
    pairs = [(join_text(question), join_text(answer)) for question, answer in pairs]
    answers: dict[str, Counts] = {}
    for question, answer in pairs:
        answers.setdefault(question, Counter())[answer] += 1
    right = 0
    for question, answer in pairs:
        again = answers[question][answer] - 1
        rivals = (count for other, count in answers[question].items() if other != answer)
        right += again > 0 and again >= max(rivals, default=0)
    return right / len(pairs) if pairs else 0.0


def answer_priors(answers: Iterable[str], *, top: int) -> list[tuple[str, int]]:
    """The most frequent answers with their counts; ties in alphabetical order."""
    counts = Counter(join_text(answer) for answer in answers)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]


def yes_share(answers: Iterable[str]) -> float | None:
    """Share of yes among the yes/no answers; None if there are none."""
    counts = Counter(answer.strip().lower() for answer in answers if is_yes_no(answer))
    return counts["yes"] / counts.total() if counts else None


def balance(infos: Iterable[Mapping[str, Any]], fields: Iterable[str]) -> dict[str, Counts]:
    """Rows per value of each field of `extra_info`; "not said" where it is null."""
    fields = tuple(fields)
    out: dict[str, Counts] = {name: Counter() for name in fields}
    for info in infos:
        for name in fields:
            out[name][str(info[name]) if info[name] is not None else "not said"] += 1
    return out
