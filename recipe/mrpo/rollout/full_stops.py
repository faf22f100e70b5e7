"""Which full stops, question and exclamation marks end a sentence, and which belong to an abbreviation or a number."""

from __future__ import annotations

import re

from recipe.mrpo.rollout.word_lists import (
    ABBREVIATIONS,
    BEFORE_A_GENUS,
    BEFORE_A_NUMBER,
    BEFORE_INITIALS,
    DIRECTIONS,
    FILE_ENDINGS,
    LETTERED,
    MAY_END,
    MODALITIES,
    MUSCLES,
    NEVER_ENDS,
    OPENERS,
    TIGHT_OPENERS,
    UNIT_TAILS,
    UNITS,
)

LONGEST_WORD = 24
"""Characters before a full stop that are looked at; a longer word is not an abbreviation."""

# Soft hyphen, zero-width and direction marks, byte order mark: text in the eyes of Python, nothing in a reader's.
INVISIBLE = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_QUOTES = frozenset("\"'”’»")
_BRACKETS = frozenset(")]}）")
_LAST_WORD = re.compile(r"[^\W_]+(?:[.][^\W_]+)*$")
_WORD_BEFORE = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)\s+[(*\"'“]*$")
_NEXT_WORD = re.compile(r"[^\w\s]*\s*(\w+)?")
_NUMBER_OR_LABEL = re.compile(r"\s+(?:\d|#|[IVX]+\b|[A-Z]\b(?!\s+[a-z]+\s+(?:is|are|was)))")
_AFTER_NUMBER = re.compile(r"\d\s?[a-z]+\.$")
_NUMBER_BEFORE = re.compile(r"[\d°]\s?$")
_NUMBER_WITH_UNIT = re.compile(r"[\d.]+[a-zµμ]{1,5}")
_SPLIT_DECIMAL = re.compile(r"\d{1,3}\s?(?:[cmdkµμ]?m\b|[mkµμ]?g\b|[md]?l\b|cc\b|%|mmhg\b|hu\b|kev\b|mhz\b|t\b)", re.I)
_TIGHT_NEXT = re.compile(
    rf"[*_\"'“‘(\[{INVISIBLE}]*(?:"
    r"(?P<name>[A-Z][a-z]+)(?![A-Z0-9_@/\\]|\.[a-z0-9])|(?P<short>[AI]\s|[A-Z][A-Z0-9]+(?![\w.@/\\])|[A-Z]\d?-[a-z])"
    r"|(?P<genus>[A-Z]\.\s?[a-z]{3})|(?P<item>\d{1,2}[.)]\s?[A-Z])|(?P<small>[a-z]+)\s|(?P<other>[^\W\d_a-zA-Z]))"
)


def _last_word(text: str, start: int, at: int) -> str:
    """The letters, figures and inner full stops before `at`: "cm", "e.g", "3.5"; "" if there are none."""
    token = text[max(start, at - LONGEST_WORD) : at]
    token = token[token.rfind(" ") + 1 :]
    if token.isalnum():
        return token
    found = _LAST_WORD.search(token)
    return found.group() if found else ""


def _word_before(text: str, start: int, at: int) -> str:
    found = _WORD_BEFORE.search(text, max(start, at - 30), at)
    return found.group(1) if found else ""


def ends_sentence(text: str, start: int, stop: int, at: int, marks: str, closers: str, after: int) -> bool:
    """Do `marks` at `at`, then `closers`, then white space up to `after`, end a sentence that began at `start`?"""
    word = _last_word(text, start, at) if marks == "." else ""
    lower = word.lower()
    if word and not closers:
        if lower in NEVER_ENDS:
            return False
        if len(word) > 1 and word.isalpha() and lower not in ABBREVIATIONS:
            return True
    next_word = _NEXT_WORD.match(text, after, stop)
    following = (next_word.group(1) if next_word else None) or ""
    next_is_lower = following[:1].islower()
    if next_is_lower and closers and not _QUOTES.isdisjoint(closers):
        return False  # a quotation inside a sentence
    if marks != ".":  # an ellipsis may stand inside a sentence
        return "!" in marks or "?" in marks or not next_is_lower
    if not word:
        return True
    if closers:
        if lower in NEVER_ENDS:
            return not _BRACKETS.isdisjoint(closers) and following[:1].isupper()
        return not (next_is_lower and lower in MAY_END)
    if word.isdigit():
        return not (following[:1].isdigit() and _SPLIT_DECIMAL.match(text, after, stop))
    if lower in UNITS:
        if following.lower() in UNIT_TAILS:
            return False
        if next_is_lower and (lower in MUSCLES or _AFTER_NUMBER.search(text, max(start, at - 15), at + 1)):
            return following in OPENERS
    if lower in BEFORE_A_NUMBER and _NUMBER_OR_LABEL.match(text, at + 1, stop):
        return False
    if lower in MAY_END:
        if next_is_lower or following[:1].isdigit():
            return False
        return not (lower in DIRECTIONS and _is_short_name(following))
    if len(word) == 1 and word.isalpha() and word.lower() != word.upper():
        if _NUMBER_BEFORE.search(text, max(start, at - 5), at - 1):
            return not next_is_lower or following in OPENERS  # a unit: 38.5 °C, 1.5 T
        return _letter_ends(word, _word_before(text, start, at - 1), following, next_is_lower)
    acronym = "." in word and all(len(part) <= 2 and part.isalpha() for part in word.split("."))  # U.S., Ph.D.
    if acronym or lower == "al":
        return not next_is_lower and following.lower() in OPENERS
    return True


def _is_short_name(word: str) -> bool:
    return len(word) > 1 and word.isupper() and word.lower() not in MODALITIES


def _letter_ends(letter: str, before: str, following: str, next_is_lower: bool) -> bool:
    """A single letter: the name of a type ("hepatitis C."), or an initial, genus or vessel ("S. aureus", "v. cava")."""
    opens = following.lower() in OPENERS
    if before.lower() in LETTERED:
        return opens or not next_is_lower or letter.islower() or before.lower() not in BEFORE_A_GENUS
    if next_is_lower:
        return following in TIGHT_OPENERS and letter.islower()
    if opens or not following:
        return True
    return before.islower() and before not in BEFORE_INITIALS and not following[:1].isdigit()


def ends_sentence_without_space(text: str, start: int, stop: int, at: int, marks: str, after: int) -> bool:
    """Do marks that the next word follows directly ("large.The lungs") end a sentence?

    They do not inside numbers, addresses, names of files and versions, initials and abbreviations.
    """
    after_word = _TIGHT_NEXT.match(text, after, stop)
    if after_word is None:
        return False
    token = "" if text[at - 1 : at].isspace() else (text[max(start, at - 80) : at].split() or [""])[-1]
    if any(c in token for c in "/@\\=_") or token.lower().startswith("www"):
        return False
    small = after_word["small"]
    if small is not None and small not in TIGHT_OPENERS:
        return False
    if marks != ".":
        return True
    before = text[at - 1 : at]
    if after_word["other"] is not None:
        return not token.isascii() or before in ")]}\"'*"
    if before.isspace():
        return after_word["name"] is not None
    if not before.isalnum():
        return before in ")]}\"'*_%°"
    word = _last_word(text, start, at)
    begin, lower = at - len(word), word.lower()
    if not word or lower in NEVER_ENDS or (lower in BEFORE_A_NUMBER and after_word["name"] is None):
        return False
    if after_word["short"] is not None and after_word["short"].lower() in FILE_ENDINGS:
        return False
    name = after_word["name"] is not None
    if after_word["genus"] is not None:
        return word.isalpha() and len(word) > 1 and lower not in MAY_END
    head, _, number = word.partition(".")
    if head.lower() in BEFORE_A_NUMBER and number.isdigit():
        return name
    if word.isalpha():
        if len(word) > 1:
            return lower not in MAY_END
        if text[begin - 1 : begin] == "°":
            return name
        return _word_before(text, start, begin).lower() in LETTERED
    if not name:
        return False
    if not word.replace(".", "").isdigit():
        return bool(_NUMBER_WITH_UNIT.fullmatch(word)) or ("." not in word and word[0].isupper() and word.isupper())
    if text[begin - 1 : begin] in ("", *":/×–-<>≤≥"):  # "ratio 3:1.The"
        return begin > start
    return text[max(start, begin - 2) : begin].rstrip()[-1:].isalpha()  # "is 3.The", not "1.The"
