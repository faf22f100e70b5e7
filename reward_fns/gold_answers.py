"""The reference answers of a row, in one place for every trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any


def golds_of(ground_truth: str | Sequence[Any], extra_info: Mapping[str, Any]) -> tuple[str, ...]:
    """All answers that are right: `ground_truth`, then `extra_info["answers"]`, each once.

    Alternatives stand in extra_info, because ground_truth is one text in every file that verl is to join. One text
    there is one alternative; None and blank ones are left out, for tables fill short lists with them.

    Raises TypeError for an alternative that is neither text nor number, naming extra_info.answers.
    """
    first = (ground_truth,) if isinstance(ground_truth, str) else tuple(ground_truth)
    return tuple(dict.fromkeys((*map(str, first), *_alternatives(extra_info.get("answers")))))


def _alternatives(answers: Any) -> list[str]:
    if answers is None or isinstance(answers, (str, Real)):
        answers = [answers]
    elif not isinstance(answers, Iterable) or isinstance(answers, (bytes, Mapping)):
        raise TypeError(f"extra_info.answers must hold texts or numbers, not {answers!r}")
    found = []
    for answer in answers:
        if isinstance(answer, bool) or not isinstance(answer, (str, Real, type(None))):
            raise TypeError(f"extra_info.answers must hold texts or numbers, not {answer!r}")
        if answer is not None and answer == answer and str(answer).strip():  # pandas has nan where a list is short
            found.append(str(answer))
    return found
