"""What makes two similar answers incompatible: another side, another number or unit, another polarity, another plane.

A conflict needs both answers to commit themselves: an answer that names no side conflicts with none, it is merely
incomplete, and its lower overlap says so. An answer that hedges ("left or right") conflicts with one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise

from reward_fns.normalise import RULES, spell_out, tokens
from reward_fns.quantities import COUNT, find_quantities

_ALL_RULES = frozenset(RULES)

# conflict: axes that exclude one another word for word; each axis maps a term to the words that name it
_AXES: dict[str, tuple[dict[str, frozenset[str]], ...]] = {
    "laterality": (
        {
            "left": frozenset({"left", "leftsided", "左"}),
            "right": frozenset({"right", "rightsided", "右"}),
            "both": frozenset({"bilateral", "bilaterally", "both", "双", "两"}),
        },
    ),
    "plane": (
        {
            "axial": frozenset({"axial", "transverse"}),
            "coronal": frozenset({"coronal"}),
            "sagittal": frozenset({"sagittal", "midsagittal", "parasagittal"}),
        },
        {"ap": frozenset({"anteroposterior"}), "pa": frozenset({"posteroanterior"})},
    ),
    "modality": (
        {
            name: frozenset({name})
            for name in ("ct", "mri", "xray", "ultrasound", "pet", "spect", "mammography", "fluoroscopy", "angiography")
        },
    ),
    "position": (
        {
            "up": frozenset({"upper", "superior", "cranial", "superiorly"}),
            "middle": frozenset({"middle", "mid"}),
            "down": frozenset({"lower", "inferior", "caudal", "inferiorly"}),
        },
        {
            "front": frozenset({"anterior", "ventral", "anteriorly"}),
            "back": frozenset({"posterior", "dorsal", "posteriorly"}),
        },
        {"inner": frozenset({"medial", "medially"}), "outer": frozenset({"lateral", "laterally"})},
        {"near": frozenset({"proximal", "proximally"}), "far": frozenset({"distal", "distally"})},
    ),
    "intensity": (
        {
            "hypo": frozenset({"hypointense", "hypodense", "hypoechoic", "hypoattenuating"}),
            "iso": frozenset({"isointense", "isodense", "isoechoic"}),
            "hyper": frozenset({"hyperintense", "hyperdense", "hyperechoic", "hyperattenuating"}),
        },
    ),
}
_NEGATIONS = frozenset(
    "no not without absent absence negative never neither nor none denies isnt cannot 不 没 无 未 否".split()
)
_SIDES = {word: side for side, words in _AXES["laterality"][0].items() for word in words}
_LINKS = frozenset("x by to and or of in on at".split())  # "3 x 2 cm" ties no number to a word x
_NAMED_NUMBER = re.compile(r"([^\W\d_]+)(\d+)")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")


@lru_cache(maxsize=8192)
def _terms(text: str, conflict: str) -> tuple[frozenset[str], ...]:
    words = set(tokens(text, _ALL_RULES))
    axes = tuple(frozenset(t for t, names in axis.items() if names & words) for axis in _AXES[conflict])
    if conflict == "laterality":
        return tuple(frozenset({"left", "right"}) if "both" in axis else axis for axis in axes)
    return axes


def _axis_conflict(prediction: str, gold: str, conflict: str) -> bool:
    pairs = zip(_terms(prediction, conflict), _terms(gold, conflict), strict=True)
    return any(p and g and p != g for p, g in pairs)


@lru_cache(maxsize=8192)
def _attached(text: str) -> dict[str, frozenset[str]]:
    """The sides and numbers that stand right before a word: "left lung, right kidney" -> lung: left, kidney: right."""
    words = tokens(text, _ALL_RULES)
    found: dict[str, set[str]] = {}
    for head, word in pairwise(words):
        if word in _LINKS or word[0].isdigit():
            continue
        if head in _SIDES or head[0].isdigit():
            side = _SIDES.get(head, head)
            found.setdefault(word.rstrip("s"), set()).update(("left", "right") if side == "both" else (side,))
    return {word: frozenset(heads) for word, heads in found.items()}


def _swapped(prediction: str, gold: str, kind: Callable[[str], bool]) -> bool:
    """Does a word that both answers hold have another side (or number) before it in the one than in the other?"""
    p, g = _attached(prediction), _attached(gold)
    pairs = ((frozenset(filter(kind, p[word])), frozenset(filter(kind, g[word]))) for word in p.keys() & g.keys())
    return any(a and b and a != b for a, b in pairs)


def _laterality_conflict(prediction: str, gold: str) -> bool:
    return _axis_conflict(prediction, gold, "laterality") or _swapped(prediction, gold, str.isalpha)


@lru_cache(maxsize=8192)
def _numbers(text: str) -> tuple[dict[str, frozenset[Fraction]], frozenset[Fraction], dict[str, frozenset[str]]]:
    """Values by dimension, the values as written, and the numbers inside names (T2, L4, 4th) by name."""
    by_dimension: dict[str, set[Fraction]] = {}
    quantities = find_quantities(spell_out(text, _ALL_RULES))
    for quantity in quantities:
        by_dimension.setdefault(quantity.dimension, set()).add(quantity.value)
    named: dict[str, set[str]] = {}
    for token in tokens(text, _ALL_RULES):
        if match := _NAMED_NUMBER.fullmatch(token):
            named.setdefault(match[1], set()).add(match[2].lstrip("0"))
        elif match := _ORDINAL.fullmatch(token):
            named.setdefault("ordinal", set()).add(match[1].lstrip("0"))
    return (
        {k: frozenset(v) for k, v in by_dimension.items()},
        frozenset(q.raw for q in quantities),
        {k: frozenset(v) for k, v in named.items()},
    )


def _number_conflict(prediction: str, gold: str) -> bool:
    (p_values, p_raw, p_names), (g_values, g_raw, g_names) = _numbers(prediction), _numbers(gold)
    if any(p_names[name] != g_names[name] for name in p_names.keys() & g_names.keys()):
        return True
    if not p_values or not g_values:
        return False
    common = p_values.keys() & g_values.keys()
    if common:
        if any(p_values[dimension] != g_values[dimension] for dimension in common):
            return True
        return _swapped(prediction, gold, lambda head: head[0].isdigit())
    if COUNT in p_values or COUNT in g_values:  # a unit left out is no conflict as long as the number is the same
        return p_raw != g_raw
    return True  # 3.5 cm against 3.5 kg


def _polarity(words: tuple[str, ...]) -> str | None:
    return words[0] if words and words[0] in ("yes", "no") else None


def _yes_no_conflict(prediction: str, gold: str) -> bool:
    p, g = (_polarity(tokens(text, _ALL_RULES)) for text in (prediction, gold))
    return p is not None and g is not None and p != g


def _negation_conflict(prediction: str, gold: str) -> bool:
    p, g = (not _NEGATIONS.isdisjoint(tokens(text, _ALL_RULES)) for text in (prediction, gold))
    return p != g


_CHECKS = {
    "yes_no": _yes_no_conflict,
    "negation": _negation_conflict,
    "number": _number_conflict,
    **{name: partial(_axis_conflict, conflict=name) for name in _AXES},
    "laterality": _laterality_conflict,
}
CONFLICTS = tuple(_CHECKS)


def find_conflict(prediction: str, gold: str, kinds: Collection[str]) -> str | None:
    """The first conflict of the named kinds between two answers, None if they agree or do not commit themselves.

    yes_no: one opens with yes, the other with no. negation: only one of them negates. laterality: both name sides and
    not the same (bilateral = left and right), or the same ones on other words ("left lung, right kidney" against "right
    lung, left kidney"). number: both hold numbers of one dimension and not the same ones after
    conversion, or numbers of different units, or names that differ in their number (T1/T2, L4/L5, grade 2/3). plane,
    modality, position, intensity: both name one and not the same. Each is meant to hold back a high overlap, so the
    words are looked at wherever they stand.
    """
    return next((kind for kind, check in _CHECKS.items() if kind in kinds and check(prediction, gold)), None)
