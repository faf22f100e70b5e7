"""Multiple choice: an answer by letter, by text or by both becomes the text of the choice that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from reward_fns.answer.words.normalise import ALL_RULES, tokens

MOST = len(ascii_uppercase)
"""Choices that letters can name."""

MAX_CHARS = 300
"""Characters of an answer in which a letter is looked for; the rest cannot name another choice."""

_LETTER = re.compile(
    r"^\W*(?:the )?(?:(?:correct|right|best|final) )?(?:answer|option|choice)? ?(?:is|:)? ?(?:option|choice)? ?"
    r"[(\[*\"']*(?P<letter>[A-Za-z])(?:[)\].:*\"']+| ?[-–—:] | ?$)",
    re.IGNORECASE,
)  # fmt: skip


def choices_of(extra_info: Mapping[str, Any]) -> tuple[str, ...]:
    """The choices of a row, `extra_info.choices`, in the order of their letters; () if it is no multiple choice."""
    given = extra_info.get("choices")
    if given is None or isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        return ()
    texts = [each for each in given if isinstance(each, str) and each.strip()]
    return tuple(texts[:MOST])


def lettered(choices: Sequence[str]) -> str:
    """The choices as a prompt shows them: "A. …" and so on, one a line."""
    return "\n".join(f"{letter}. {text}" for letter, text in zip(ascii_uppercase, choices, strict=False))


def chosen_text(answer: str | None, choices: Sequence[str]) -> str | None:
    """The text of the choice that an answer names; the answer itself if it names none by letter.

    "B", "(b)", "B. pneumonia" and "The answer is B" name the second one. A letter with the text of another choice names
    none: the result is empty, which is a wrong answer. Text without a letter stays as it is, and so does everything
    where there are no choices, or no choice with this letter.

    >>> chosen_text("The answer is B.", ["effusion", "pneumonia"])
    'pneumonia'
    >>> chosen_text("A. pneumonia", ["effusion", "pneumonia"])
    ''
    """
    if answer is None or not choices:
        return answer
    written = [tokens(choice, ALL_RULES) for choice in choices]
    short = " ".join(answer.split())[:MAX_CHARS]
    words = tokens(short, ALL_RULES)
    found = _LETTER.match(short)
    if found is None or words in written:  # "A" may be the text of a choice
        return answer
    letter = found["letter"].upper()
    place = ascii_uppercase.find(letter)
    if place >= len(choices):
        return answer
    named = _named(words, written)
    if any(written[n][:1] == (letter.lower(),) for n in named):  # "C. albicans" is a name
        return answer
    return "" if named and place not in named else choices[place]


def _named(words: Sequence[str], written: Sequence[Sequence[str]]) -> list[int]:
    """Numbers of the choices whose words stand in `words`; not those that are a part of another one of them."""
    found = [n for n, choice in enumerate(written) if _holds(words, choice)]
    return [n for n in found if not any(m != n and _holds(written[m], written[n]) for m in found)]


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    """Does the run of words `part` stand in `words`?"""
    size = len(part)
    return size > 0 and any(tuple(words[k : k + size]) == tuple(part) for k in range(len(words) - size + 1))
