"""The words bound to a word: the word right before it, its side and its number."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from reward_fns.answer.conflicts.word_lists import LINKS, SIDES
from reward_fns.answer.words.normalise import ALL_RULES, tokens

NUMBER = re.compile(r"[<>≤≥±√≠]?-?\d")


@lru_cache(maxsize=8192)
def words_bound_to(text: str) -> dict[str, frozenset[str]]:
    """The sides and numbers that stand right before a word: "left lung, right kidney" -> lung: left, kidney: right."""
    words = tokens(text, ALL_RULES)
    found: dict[str, set[str]] = {}
    for head, word in pairwise(words):
        if word in LINKS or NUMBER.match(word):
            continue
        if head in SIDES or NUMBER.match(head):
            side = SIDES.get(head, head.lstrip("<>≤≥±√≠"))
            found.setdefault(word.rstrip("s"), set()).update(("left", "right") if side == "both" else (side,))
    return freeze(found)


def freeze(found: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {word: frozenset(heads) for word, heads in found.items()}


def bound_differently(p: dict[str, frozenset[str]], g: dict[str, frozenset[str]]) -> bool:
    """Does a word that both answers hold go with other things in the one than in the other?"""
    return any(p[word] and g[word] and p[word] != g[word] for word in p.keys() & g.keys())


def bound_to_others(prediction: str, gold: str, kind: Callable[[str], bool]) -> bool:
    """Does a word that both answers hold have another side (or number) before it in the one than in the other?"""
    bound_in_gold = words_bound_to(gold)
    if not bound_in_gold:
        return False
    p, g = (
        {word: frozenset(filter(kind, bound)) for word, bound in found.items()}
        for found in (words_bound_to(prediction), bound_in_gold)
    )
    return bound_differently(p, g)


def is_number(head: str) -> bool:
    return NUMBER.match(head) is not None
