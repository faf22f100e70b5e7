"""The reference answers of a row, in one place for every trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any


def golds_of(ground_truth: str | Sequence[Any], extra_info: Mapping[str, Any]) -> tuple[str, ...]:
    """All answers that are right: `ground_truth`, then `extra_info["answers"]`, each once; () if there is none.

    Alternatives stand in extra_info, because ground_truth is one text in every file that verl is to join. One text
    there is one alternative. None, nan and blank ones are left out of both, for tables fill short lists with them.

    Raises TypeError for an answer in a list that is neither text nor number, naming the column.
    """
    first = [ground_truth] if isinstance(ground_truth, str) else _answers(ground_truth, "reward_model.ground_truth")
    alternatives = extra_info.get("answers")
    if alternatives is None or isinstance(alternatives, (str, Real)):
        alternatives = [alternatives]
    return tuple(dict.fromkeys((*first, *_answers(alternatives, "extra_info.answers"))))


def _answers(answers: Any, column: str) -> list[str]:
    if not isinstance(answers, Iterable) or isinstance(answers, (bytes, Mapping)):
        raise TypeError(f"{column} must hold texts or numbers, not {answers!r}")
    found = []
    for answer in answers:
        if isinstance(answer, bool) or not isinstance(answer, (str, Real, type(None))):
            raise TypeError(f"{column} must hold texts or numbers, not {answer!r}")
        if answer is not None and answer == answer and str(answer).strip():  # pandas has nan where a list is short
            found.append(str(answer))
    return found
