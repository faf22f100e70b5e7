"""What makes two similar answers incompatible: another side, number, unit, letter or plane, or the opposite.

A conflict needs both answers to commit themselves: an answer that names no side conflicts with none, it is merely
incomplete, and its lower overlap says so. An answer that hedges ("left or right") conflicts with one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from itertools import pairwise

from reward_fns.answer.conflicts.bound_words import NUMBER, bound_differently, bound_to_others, freeze
from reward_fns.answer.conflicts.numbers import comparison_conflict, number_conflict
from reward_fns.answer.conflicts.opposites import opposite_poles
from reward_fns.answer.conflicts.word_lists import (
    AXES,
    BEGINNINGS,
    COPULAS,
    INTENSITIES,
    LETTERS,
    LINKS,
    NEGATIONS,
    POLES,
)
from reward_fns.answer.words.normalise import ALL_RULES, spell_out, tokens, words_of

_AXIS_WORDS = {
    kind: frozenset().union(*(words for axis in axes for words in axis.values())) for kind, axes in AXES.items()
}
_GRADED_PLUS = re.compile(r"[1-4]\+")  # CD20 +++ is positive
_BEGINNING = re.compile("|".join(beginning for group in BEGINNINGS for beginning in group))
_BREAK = re.compile(r"[;.](?!\d)|\b(?:but|however|although)\b")


@lru_cache(maxsize=8192)
def _terms(text: str, conflict: str) -> tuple[frozenset[str], ...]:
    words = _AXIS_WORDS[conflict].intersection(tokens(text, ALL_RULES))
    if not words:
        return ()
    axes = tuple(frozenset(t for t, names in axis.items() if names & words) for axis in AXES[conflict])
    if conflict == "laterality":
        return tuple(frozenset({"left", "right"}) if "both" in axis else axis for axis in axes)
    return axes


def _axis_conflict(prediction: str, gold: str, conflict: str) -> bool:
    g_axes = _terms(gold, conflict)
    p_axes = g_axes and _terms(prediction, conflict)
    if not p_axes:
        return False
    pairs = zip(p_axes, g_axes, strict=True)
    return any(p and g and (p.isdisjoint(g) if "middle of it" in p | g else p != g) for p, g in pairs)


def _laterality_conflict(prediction: str, gold: str) -> bool:
    return _axis_conflict(prediction, gold, "laterality") or bound_to_others(prediction, gold, str.isalpha)


@lru_cache(maxsize=8192)
def _lettered(text: str) -> dict[str, frozenset[str]]:
    """The letters beside a word: "hepatitis B and C" -> hepatitis: b c, "T cell" -> cell: t."""
    words = tokens(text, ALL_RULES)
    found: dict[str, set[str]] = {}
    run: list[str] = []  # letters that only "and" and "or" part
    head = ""
    for word, following in pairwise((*words, "", "")):
        if word == "x" and (NUMBER.match(head) or NUMBER.match(following)):
            continue  # 3 x 2 cm
        if word in LETTERS:
            run.append(word)
        elif not run or word not in ("and", "or"):
            for neighbour in (head, word) if run else ():
                if neighbour and neighbour not in LINKS:
                    found.setdefault(neighbour.rstrip("s"), set()).update(run)
            run, head = [], word
    return freeze(found)


def _letter_conflict(prediction: str, gold: str) -> bool:
    named = _lettered(gold)
    return bool(named) and bound_differently(_lettered(prediction), named)


@lru_cache(maxsize=8192)
def _poles(text: str) -> dict[str, frozenset[str]]:
    """Positive and negative things: by the word before, or behind "positive for"; "" holds all of them."""
    words = tokens(text, ALL_RULES)
    found: dict[str, set[str]] = {}
    for i, word in enumerate(words):
        pole = "positive" if _GRADED_PLUS.fullmatch(word) else word
        if pole not in POLES:
            continue
        if i and words[i - 1] in ("not", "non", "never"):
            pole = "negative" if pole == "positive" else "positive"
        found.setdefault("", set()).add(pole)
        before = next((w for w in reversed(words[:i]) if w not in COPULAS), "")
        if not before or before in LINKS | POLES | NEGATIONS or words[i + 1 : i + 2] == ("for",):
            before = next((w for w in words[i + 1 :] if w not in LINKS), "")
        if before and before not in POLES:
            found.setdefault(before, set()).add(pole)
    return freeze(found)


def _polarity_conflict(prediction: str, gold: str) -> bool:
    if not (named := _poles(gold)):
        return False
    p, g = dict(_poles(prediction)), dict(named)
    p_all, g_all = p.pop("", frozenset()), g.pop("", frozenset())
    return bool(p_all and g_all and not p_all & g_all) or bound_differently(p, g)


def _opposite_conflict(prediction: str, gold: str) -> bool:
    if opposite_poles(prediction, gold):
        return True
    named = _beginnings(gold)
    return bool(named) and bound_differently(_beginnings(prediction), named)


@lru_cache(maxsize=8192)
def _beginnings(text: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for word in set(tokens(text, ALL_RULES)) - INTENSITIES:
        if _BEGINNING.match(word):
            for number, group in enumerate(BEGINNINGS):
                for beginning in group:
                    if word.startswith(beginning) and len(word) > len(beginning) + 2:
                        found.setdefault(f"{number} {word[len(beginning) :]}", set()).add(beginning)
    return freeze(found)


def _opening(words: tuple[str, ...]) -> str | None:
    return words[0] if words and words[0] in ("yes", "no") else None


def _yes_no_conflict(prediction: str, gold: str) -> bool:
    p, g = (_opening(tokens(text, ALL_RULES)) for text in (prediction, gold))
    return p is not None and g is not None and p != g


@lru_cache(maxsize=8192)
def _denied(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words that a text denies and those that it does not: "no mass, effusion present" -> mass; effusion, present.

    A negation reaches to the end of its clause; "absent" denies the whole clause; a list with "or" is one clause.
    """
    denied: set[str] = set()
    stated: set[str] = set()
    for sentence in _BREAK.split(spell_out(text, ALL_RULES)):
        listed = re.search(r",[^,]*\b(?:or|nor)\b", sentence)
        for clause in [sentence] if listed else re.split(r",(?!\d)", sentence):
            words = words_of(clause)
            first = next((i for i, word in enumerate(words) if word in NEGATIONS), len(words))
            if "absent" in words:
                first = 0
            stated.update(words[:first])
            denied.update(words[first:])
    return frozenset(denied - NEGATIONS - LINKS), frozenset(stated - denied - LINKS)


def _negation_conflict(prediction: str, gold: str) -> bool:
    p_words, g_words = (set(tokens(text, ALL_RULES)) for text in (prediction, gold))
    if NEGATIONS.isdisjoint(p_words) != NEGATIONS.isdisjoint(g_words):
        return True
    for one, other in ((p_words, g_words), (g_words, p_words)):  # "noncontrast CT" and "contrast CT"
        if any(w.startswith("non") and w[3:] in other and not {w, w[3:]} <= one & other for w in one - other):
            return True
    if NEGATIONS.isdisjoint(p_words):
        return False
    (p_denied, p_stated), (g_denied, g_stated) = _denied(prediction), _denied(gold)
    return bool(p_denied & g_stated and g_denied & p_stated)  # "no mass, effusion present" and the reverse


_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "yes_no": _yes_no_conflict,
    "polarity": _polarity_conflict,
    "negation": _negation_conflict,
    "comparison": comparison_conflict,
    "number": number_conflict,
    "letter": _letter_conflict,
    **{name: partial(_axis_conflict, conflict=name) for name in AXES},
    "laterality": _laterality_conflict,
    "opposite": _opposite_conflict,
}
CONFLICTS = tuple(_CHECKS)


def find_conflict(prediction: str, gold: str, kinds: Collection[str]) -> str | None:
    """The first conflict of the named kinds between two answers, None if they agree or do not commit themselves.

    yes_no: one opens with yes, the other with no. polarity: positive against negative (HER2+, HER2-, Gram-negative), of
    the same thing where several are named. negation: only one of them negates, or each denies what the other states.
    comparison: the same number bounded otherwise (<5, >5, 5), or "left > right" against "right > left". number: both
    hold numbers of one dimension and not the same ones after conversion, or numbers of different units, or a number of
    things (2 lesions) against a measure (2 mm), or names that differ in their number (T1/T2, L4/L5, grade 2/3, stage
    3a/3b). letter: the same word with another letter (type A/B, hepatitis B/C, T/B cell). laterality: both name sides
    and not the same (bilateral = left and right), or the same ones on other words ("left lung, right kidney" against
    "right lung, left kidney"). plane, modality, position, intensity: both name one and not the same. opposite:
    opposites said of the same word (benign/malignant, increased/decreased, hypo-/hyperthyroidism), see `opposites`.
    Each is meant to hold back a high overlap, so most look at words wherever they stand.
    """
    return next((kind for kind, check in _CHECKS.items() if kind in kinds and check(prediction, gold)), None)
