"""The statements that make an answer right: the gold answer's items, without the words that the question has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from reward_fns.answer.conflicts.word_lists import AXES, AXIS_WORDS, NEGATIONS, SIDES
from reward_fns.answer.coverage.reading import ASKS_RELATION, ASKS_WHY, LOCATED_BY, NORMAL, STOP
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.terms.table import MAX_WORDS, load_terms
from reward_fns.answer.words.normalise import ALL_RULES, TOKEN, is_spelled_out, spell_out, tokens, with_units

_ITEMS = re.compile(r"\s*(?:[,;]|\band\b|&(?!\s?e\b))\s*")
_ABBREVIATION = re.compile(r"(?<![\w.-])[A-Z]{3,6}(?![\w-])")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SEQUENCES = frozenset("t1 t2 t2star flair dwi adc swi stir diffusion".split())
_CLASS = re.compile(r"^(?!t[12])\w{2,4} - (?=\w)")  # VQA-Med: "mr - flair", "xr - plain film"
_DENYING_QUESTION = re.compile(r"^(?!.*\bor\b).*\b(?:not|never|except|absent|cannot)\b", re.IGNORECASE | re.DOTALL)
_DEGREES = frozenset("less more fewer".split())  # "less acute" does not say the "less" of "less enhancement"
_INITIALS = 3  # words from which on initials are an abbreviation
_MAX_SIDES = 4  # items of "Left Lung, Right"
_BRACKETS = re.compile(r"\([^()]*\)")


@cache
def _idle_nouns() -> frozenset[str]:
    """Nouns that an answer may leave out beside another word: axial (plane), right (side), Crohn('s disease)."""
    words = frozenset(
        "plane view projection image scan film picture side part portion region area aspect section position location "
        "color disease system type pattern form appearance feature finding sign structure weighted imaging modality "
        "stain staining study exam".split()
    )
    return words | {f"{word}s" for word in words}


@cache
def _axes() -> dict[str, tuple[str, int]]:
    """Stems of words that exclude one another, with the number of their axis."""
    return {
        stem_of(word): (kind, i)
        for kind, axes in AXES.items()
        for i, axis in enumerate(axes)
        for words in axis.values()
        for word in words
    }


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that must be stated: `needed` of its `stems`; `names` are other names of runs of its words."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    needed: frozenset[int]
    names: tuple[tuple[frozenset[int], tuple[str, ...]], ...]
    """Positions that another name covers, and the stems of that name."""
    kinds: frozenset[str]
    """The kinds of the item in the table of terms; empty: unknown."""


@dataclass(frozen=True, slots=True)
class Gold:
    items: tuple[Item, ...]
    denies: bool
    """Does the gold answer itself deny something ("no fracture")?"""
    stems: frozenset[str]
    question: frozenset[str]
    """Stems of the question."""
    whole: Item | None
    """All items as one name, where the table knows it: brain, infarct = ischemic stroke."""
    keep: frozenset[str]
    """What counts as stated in the answer besides plain statements, for `reading.read`."""
    choice: bool
    """Does the question name the candidates ("heart or lung")?"""
    joints: frozenset[str]
    """Words and signs in it that elsewhere leave a choice open: or, /."""


@lru_cache(maxsize=4096)
def read_gold(gold: str, question: str) -> Gold:
    question_words = [word for word in tokens(question, ALL_RULES) if word not in STOP]
    asked = frozenset(map(stem_of, question_words))
    gold = _CLASS.sub("", gold)
    outside = _BRACKETS.sub(" ", gold)
    text = spell_out(outside if TOKEN.search(outside) else gold, ALL_RULES)
    groups = [_content(part) for part in _ITEMS.split(text)]
    groups = [words for words in groups if words]
    everything = frozenset(stem_of(word) for words in groups for word in words)
    idle = frozenset(stem_of(word) for words in groups for word in words if word in _idle_nouns())
    dropped = _in_question(everything, asked, idle)
    items = tuple(_item(words, dropped, tuple(question_words)) for words in groups)
    if {"left", "right"} <= everything:
        items = tuple(map(_in_both, items))
    items = tuple(item for item in items if item.needed)
    denies = any(word in NEGATIONS for words in groups for word in words)
    words = tuple(word for group in groups for word in group)
    whole = _joined(words, groups, dropped)
    joints = frozenset(word for word in ("or", "/", "versus", "vs", "?") if word in text)
    keep = frozenset(
        kind
        for kind, kept in (
            ("normal", not NORMAL.isdisjoint((*words, *question_words))),
            ("denial", denies or _DENYING_QUESTION.search(question) is not None),
            ("place", LOCATED_BY.search(text) is not None),
            ("relation", ASKS_RELATION.search(question.casefold()) is not None),
            ("cause", ASKS_WHY.search(question.casefold()) is not None),
        )
        if kept
    )
    return Gold(items, denies, everything, asked, whole, keep, "or" in question_words, joints)


@lru_cache(maxsize=4096)
def with_nouns(gold: str) -> str:
    """The gold answer with a noun behind a side that shares it: "Left Lung, Right" is "Left Lung, Right Lung"."""
    items = gold.split(",")
    if not 1 < len(items) <= _MAX_SIDES or not any(item.strip().casefold() in SIDES for item in items):
        return gold
    nouns = {" ".join(w for w in item.split() if w.casefold() not in AXIS_WORDS) for item in items} - {""}
    if len(nouns) != 1:
        return gold
    noun = nouns.pop()
    return ", ".join(f"{item.strip()} {noun}" if item.strip().casefold() in SIDES else item.strip() for item in items)


def _joined(words: tuple[str, ...], groups: list[tuple[str, ...]], dropped: frozenset[str]) -> Item | None:
    return _item(words, dropped, ()) if len(groups) > 1 and load_terms().names(words) else None


def _content(text: str) -> tuple[str, ...]:
    return tuple(word for word in TOKEN.findall(with_units(text.replace("'", ""))) if word not in STOP)


def _in_question(stems: frozenset[str], asked: frozenset[str], idle: frozenset[str]) -> frozenset[str]:
    """Stems of the gold answer that need not be repeated; none if the question holds them all, as a choice does."""
    asked = asked - _DEGREES
    if stems - idle <= asked:
        return frozenset()
    axes: dict[tuple[str, int], int] = {}
    for stem in asked:
        if stem in _axes():
            axes[_axes()[stem]] = axes.get(_axes()[stem], 0) + 1
    return frozenset(stem for stem in stems & asked if axes.get(_axes().get(stem, ("", 0)), 0) < 2)


def _item(words: tuple[str, ...], dropped: frozenset[str], asked: tuple[str, ...]) -> Item:
    stems = tuple(map(stem_of, words))
    idle = _idle_nouns() | ({"mri"} if not _SEQUENCES.isdisjoint(words) else frozenset())
    if not NORMAL.isdisjoint(words):  # "no abnormality" answers "normal chest x-ray"
        idle |= {word for word in words if load_terms().kinds([word]) == {"modality"}} | {"chest", "abdominal"}
    needed = frozenset(i for i, stem in enumerate(stems) if stem not in dropped and words[i] not in idle)
    if not needed:
        needed = frozenset(i for i, stem in enumerate(stems) if stem not in dropped)
    return Item(words, stems, needed, tuple(_names(words, needed, asked)), kinds_of(words))


def _in_both(item: Item) -> Item:
    """The item, whose side an answer may say of both at once ("both lungs")."""
    sides = [i for i, word in enumerate(item.words) if word in ("left", "right")]
    return replace(item, names=(*item.names, *((frozenset({i}), name_stems("bilateral")) for i in sides)))


def holds(stems: set[str], item: Item) -> bool:
    """Are all needed words of the item among the stems, under whatever name?"""
    covered = {i for i, stem in enumerate(item.stems) if stem in stems}
    for positions, name in item.names:
        if stems.issuperset(name):
            covered |= positions
    return item.needed <= covered


def _names(
    words: tuple[str, ...], needed: frozenset[int], asked: tuple[str, ...]
) -> list[tuple[frozenset[int], tuple[str, ...]]]:
    table = load_terms()
    found: dict[tuple[frozenset[int], tuple[str, ...]], None] = {}
    for length in range(min(len(words), MAX_WORDS), 0, -1):
        for start in range(len(words) - length + 1):
            run = words[start : start + length]
            positions = frozenset(range(start, start + length))
            if not positions & needed:
                continue
            for name in table.names(run):
                stems = name_stems(name)
                if stems:
                    found[positions, stems] = None
    for word in asked if len(words) < 3 and "or" not in asked else ():
        for name in load_terms().names((*words, word)):
            found[needed, name_stems(name)] = None  # enlarged, of the spleen: splenomegaly
    for i, word in enumerate(words):
        if i in needed and (match := _ORDINAL.fullmatch(word)):
            found[frozenset({i}), (match[1],)] = None  # 7th rib, rib 7
        following = words[i + 1 : i + 2]
        if word in ("around", "surrounding") and following:
            found[frozenset({i, i + 1}), (stem_of("peri" + following[0]),)] = None
            found[frozenset({i}), (stem_of("surrounding"),)] = None
    if len(words) == 2 and len(needed) == 2 and words[0] not in AXIS_WORDS:
        found[needed, (words[0][0], stem_of(words[1]))] = None  # S. aureus
    for length in range(_INITIALS, len(words) + 1):
        for start in range(len(words) - length + 1):
            run = words[start : start + length]
            found[frozenset(range(start, start + length)), ("".join(word[0] for word in run),)] = None  # its initials
    return list(found)


@lru_cache(maxsize=16384)
def name_stems(name: str) -> tuple[str, ...]:
    words = name.split(" ") if is_spelled_out(name) else tokens(name, ALL_RULES)
    return tuple(stem_of(word) for word in words if word not in STOP)


@lru_cache(maxsize=16384)
def kinds_of(words: tuple[str, ...]) -> frozenset[str]:
    """The kinds of the longest name that the words end with: "left lung mass" is a finding."""
    for start in range(max(0, len(words) - MAX_WORDS), len(words)):
        if kinds := load_terms().kinds(words[start:]):
            return kinds
    return frozenset()
