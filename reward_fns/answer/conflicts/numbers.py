"""Do two answers hold different numbers, or bound the same number otherwise?"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from reward_fns.answer.conflicts.bound_words import bound_differently, bound_to_others, freeze, is_number
from reward_fns.answer.conflicts.word_lists import LINKS, RANKS
from reward_fns.answer.words.normalise import ALL_RULES, spell_out, tokens
from reward_fns.answer.words.quantities import Quantity, find_quantities
from reward_fns.answer.words.units import COUNT, SUM

_DIGIT = re.compile(r"\d")
_NAMED_NUMBER = re.compile(r"([^\W\d_]+)(\d+)")
_NAMED_NUMBERS = re.compile(r"(?:[^\W\d_]+\d+)+([a-c])?")  # T2, T2N0M0, T1a
_NUMBERED = re.compile(r"(\d+)([a-c])?")  # the 3a of "stage 3a"
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_ALLOWED = {  # the values that a sign before n permits
    **{"<": {"below"}, "≤": {"below", "n"}, "": {"n"}, "+": {"n"}, "≥": {"above", "n"}, ">": {"above"}},
    **{"±": {"margin"}, "√": {"root"}, "≠": {"below", "above"}},
}


@lru_cache(maxsize=8192)
def _quantities(text: str) -> tuple[Quantity, ...]:
    return find_quantities(spell_out(text, ALL_RULES))


@lru_cache(maxsize=8192)
def _named(text: str) -> dict[str, frozenset[str]]:
    """The numbers inside names and behind words: "T2, stage 3a, 4th rib" -> t: 2, stage: 3, stage 3: a, ordinal: 4."""
    named: dict[str, set[str]] = {}
    words = tokens(text, ALL_RULES)
    for before, token in zip(("", *words), words, strict=False):
        if match := _NAMED_NUMBERS.fullmatch(token):
            for name, number in _NAMED_NUMBER.findall(token):
                named.setdefault(name, set()).add(number.lstrip("0"))
            if match[1]:
                named.setdefault(f"{token[:-1]} letter", set()).add(match[1])
        elif match := _ORDINAL.fullmatch(token):
            named.setdefault("ordinal", set()).add(match[1].lstrip("0"))
        elif (match := _NUMBERED.fullmatch(token)) and before.isalpha() and before not in LINKS:
            named.setdefault(f"{before} number", set()).add(match[1].lstrip("0"))
            if match[2]:
                named.setdefault(f"{before} {match[1]} letter", set()).add(match[2])
    return freeze(named)


@lru_cache(maxsize=8192)
def _ranks(text: str) -> frozenset[str]:
    """The ranks that a text gives a number: "stage 2" -> stage."""
    words = tokens(text, ALL_RULES)
    return frozenset(word for word, number in pairwise(words) if word in RANKS and number[0].isdigit())


@lru_cache(maxsize=8192)
def _holds_number(text: str) -> bool:
    return _DIGIT.search(spell_out(text, ALL_RULES)) is not None


def number_conflict(prediction: str, gold: str) -> bool:
    if not (_holds_number(gold) and _holds_number(prediction)):
        return False
    p_ranks, g_ranks = _ranks(prediction), _ranks(gold)
    if p_ranks and g_ranks and p_ranks.isdisjoint(g_ranks):
        return True  # stage 2 is not grade 2
    if bound_differently(_named(prediction), _named(gold)):
        return True
    p_values, g_values = _by_dimension(_quantities(prediction)), _by_dimension(_quantities(gold))
    if not p_values or not g_values:
        return False
    common = p_values.keys() & g_values.keys()
    if common:
        if any(p_values[dimension] != g_values[dimension] for dimension in common):
            return True
        return bound_to_others(prediction, gold, is_number)
    if {COUNT, SUM} & (p_values.keys() | g_values.keys()):
        # A missing unit is not a conflict if the number is the same and is not a count ("2 mm" and "2 lesions").
        p_raw, g_raw = ({q.as_written for q in _quantities(text)} for text in (prediction, gold))
        return p_raw != g_raw or bound_to_others(prediction, gold, lambda head: is_number(head) and "." not in head)
    return True  # 3.5 cm against 3.5 kg


def _by_dimension(quantities: tuple[Quantity, ...]) -> dict[str, set[Fraction | str]]:
    values: dict[str, set[Fraction | str]] = {}
    for quantity in quantities:
        values.setdefault(quantity.dimension, set()).add(quantity.value)
    return values


def _bounds(text: str, *, units: bool) -> dict[str, set[str]]:
    """The relation of each number: "<5 mm, 7, 8 to 9" -> 5mm: below, 7: n, 8 and 9: range."""
    bounds: dict[str, set[str]] = {}
    plain, quantities = spell_out(text, ALL_RULES), _quantities(text)
    ends = [plain[a.end : b.start].strip() in ("to", "-") for a, b in pairwise(quantities)]
    for quantity, follows, leads in zip(quantities, [False, *ends], [*ends, False], strict=False):
        number = f"{quantity.value} {quantity.dimension}" if units else str(quantity.as_written)
        bounds.setdefault(number, set()).update({"range"} if follows or leads else _ALLOWED[quantity.bound])
    return bounds


def _exclude(p: set[str], g: set[str]) -> bool:
    """<5 and 5, ≤5 and ≥5 exclude each other; ≤5 and 5 do not, nor do <5 and ≤5."""
    return not p & g or {"below", "above"} <= p ^ g


@lru_cache(maxsize=8192)
def _larger(text: str) -> frozenset[tuple[str, str]]:
    """Pairs whose first member is the larger one: "left > right" -> (left, right), "> half" -> ("", half)."""
    words = ("", *tokens(text, ALL_RULES))
    pairs = set()
    for left, sign, right in zip(words, words[1:], words[2:], strict=False):
        if sign in ("<", ">", "≤", "≥"):
            pairs.add((left, right) if sign in (">", "≥") else (right, left))
    return frozenset(pairs)


def comparison_conflict(prediction: str, gold: str) -> bool:
    if not (_holds_number(gold) and _holds_number(prediction)):
        return _compared_otherwise(prediction, gold)
    p, g = _quantities(prediction), _quantities(gold)
    units = bool({q.dimension for q in p} & {q.dimension for q in g})  # otherwise a unit was left out
    p_bounds, g_bounds = _bounds(prediction, units=units), _bounds(gold, units=units)
    if any(_exclude(p_bounds[number], g_bounds[number]) for number in p_bounds.keys() & g_bounds.keys()):
        return True
    return _compared_otherwise(prediction, gold)


def _compared_otherwise(prediction: str, gold: str) -> bool:
    pairs = _larger(gold)
    return bool(pairs) and any((smaller, larger) in pairs for larger, smaller in _larger(prediction))
