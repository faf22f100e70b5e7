"""What makes two similar answers incompatible: another side, number, unit, letter or plane, or the opposite.

A conflict needs both answers to commit themselves: an answer that names no side conflicts with none, it is merely
incomplete, and its lower overlap says so. An answer that hedges ("left or right") conflicts with one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise

from reward_fns.normalise import GREEK, RULES, spell_out, tokens
from reward_fns.quantities import COUNT, SUM, Quantity, find_quantities

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
    "opposite": tuple(
        dict(enumerate(frozenset(words.split()) for words in axis.split("|")))
        for axis in (
            "increased increase increases increasing elevated raised high rising | "
            "decreased decrease decreases decreasing reduced diminished low falling",
            "benign nonmalignant | malignant malignancy",
            "acute | subacute | chronic",
            "normal | abnormal",
            "large enlarged enlargement big | small tiny",
            "male man men boy | female woman women girl",
            "solid | cystic",
            "artery arteries arterial | vein veins venous",
            "unilateral unilaterally | bilateral bilaterally",
            "ipsilateral | contralateral",
            "internal internally | external externally",
            "superficial | deep",
            "central centrally | peripheral peripherally",
            "ascending | descending",
            "systole systolic | diastole diastolic",
            "open | closed",
            "inspiration inspiratory | expiration expiratory",
            "flexion | extension",
            "abduction | adduction",
            "afferent | efferent",
            "convex | concave",
            "gray grey | white",
            "complete completely | incomplete incompletely partial partially",
            "diffuse diffusely | focal focally localized",
            "symmetric symmetrical | asymmetric asymmetrical",
            "homogeneous homogenous | heterogeneous heterogenous",
            "stable | unstable",
            "thick thickened thickening | thin thinned thinning",
            "primary | secondary",
            "mild mildly | moderate moderately | severe severely",
            "dominant | recessive",
            "typical | atypical",
            "supine | prone",
            "intravenous | intraarterial | intramuscular | subcutaneous",
            "early | late",
            "maximum maximal | minimum minimal",
            "enhanced enhancing contrastenhanced | unenhanced nonenhanced nonenhancing",
        )
    ),
}
# Words that differ in these beginnings alone: hypothyroidism and hyperthyroidism, preoperative and postoperative.
_BEGINNINGS = tuple(
    frozenset(group.split())
    for group in (
        "hyper hypo iso normo", "intra extra inter", "pre post peri", "supra infra sub epi", "macro micro",
        "tachy brady", "dextro levo", "endo exo",
    )
)  # fmt: skip
_NEGATIONS = frozenset(
    "no not without absent absence negative never neither nor none denies isnt cannot 不 没 无 未 否".split()
)
_INTENSITIES = frozenset().union(*_AXES["intensity"][0].values())
_POLES = frozenset({"positive", "negative"})
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz") | GREEK
_SIDES = {word: side for side, words in _AXES["laterality"][0].items() for word in words}
_COPULAS = frozenset("is are was were".split())
_LINKS = _COPULAS | frozenset("x by to and or of in on at for".split())  # "3 x 2 cm" ties no number to a word x
_NUMBER = re.compile(r"[<>≤≥±√≠]?-?\d")
_NAMED_NUMBER = re.compile(r"([^\W\d_]+)(\d+)")
_NAMED_NUMBERS = re.compile(r"(?:[^\W\d_]+\d+)+([a-c])?")  # T2, T2N0M0, T1a
_NUMBERED = re.compile(r"(\d+)([a-c])?")  # the 3a of "stage 3a"
_GRADED_PLUS = re.compile(r"[1-4]\+")  # CD20 +++ is positive
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_ALLOWED = {  # what a sign before n leaves possible
    **{"<": {"below"}, "≤": {"below", "n"}, "": {"n"}, "+": {"n"}, "≥": {"above", "n"}, ">": {"above"}},
    **{"±": {"margin"}, "√": {"root"}, "≠": {"below", "above"}},
}
_BREAK = re.compile(r"[;.](?!\d)|\b(?:but|however|although)\b")


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
        if word in _LINKS or _NUMBER.match(word):
            continue
        if head in _SIDES or _NUMBER.match(head):
            side = _SIDES.get(head, head.lstrip("<>≤≥±√≠"))
            found.setdefault(word.rstrip("s"), set()).update(("left", "right") if side == "both" else (side,))
    return _frozen(found)


def _frozen(found: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {word: frozenset(heads) for word, heads in found.items()}


def _differ(p: dict[str, frozenset[str]], g: dict[str, frozenset[str]]) -> bool:
    """Does a word that both answers hold go with other things in the one than in the other?"""
    return any(p[word] and g[word] and p[word] != g[word] for word in p.keys() & g.keys())


def _swapped(prediction: str, gold: str, kind: Callable[[str], bool]) -> bool:
    """Does a word that both answers hold have another side (or number) before it in the one than in the other?"""
    p, g = (
        {word: frozenset(filter(kind, heads)) for word, heads in _attached(text).items()} for text in (prediction, gold)
    )
    return _differ(p, g)


def _is_number(head: str) -> bool:
    return _NUMBER.match(head) is not None


def _laterality_conflict(prediction: str, gold: str) -> bool:
    return _axis_conflict(prediction, gold, "laterality") or _swapped(prediction, gold, str.isalpha)


@lru_cache(maxsize=8192)
def _quantities(text: str) -> tuple[Quantity, ...]:
    return find_quantities(spell_out(text, _ALL_RULES))


@lru_cache(maxsize=8192)
def _named(text: str) -> dict[str, frozenset[str]]:
    """The numbers inside names and behind words: "T2, stage 3a, 4th rib" -> t: 2, stage: 3, stage 3: a, ordinal: 4."""
    named: dict[str, set[str]] = {}
    words = tokens(text, _ALL_RULES)
    for before, token in zip(("", *words), words, strict=False):
        if match := _NAMED_NUMBERS.fullmatch(token):
            for name, number in _NAMED_NUMBER.findall(token):
                named.setdefault(name, set()).add(number.lstrip("0"))
            if match[1]:
                named.setdefault(f"{token[:-1]} letter", set()).add(match[1])
        elif match := _ORDINAL.fullmatch(token):
            named.setdefault("ordinal", set()).add(match[1].lstrip("0"))
        elif (match := _NUMBERED.fullmatch(token)) and before.isalpha() and before not in _LINKS:
            named.setdefault(f"{before} number", set()).add(match[1].lstrip("0"))
            if match[2]:
                named.setdefault(f"{before} {match[1]} letter", set()).add(match[2])
    return _frozen(named)


def _number_conflict(prediction: str, gold: str) -> bool:
    if _differ(_named(prediction), _named(gold)):
        return True
    p_values, g_values = _by_dimension(_quantities(prediction)), _by_dimension(_quantities(gold))
    if not p_values or not g_values:
        return False
    common = p_values.keys() & g_values.keys()
    if common:
        if any(p_values[dimension] != g_values[dimension] for dimension in common):
            return True
        return _swapped(prediction, gold, _is_number)
    if {COUNT, SUM} & (p_values.keys() | g_values.keys()):
        # A unit left out is no conflict as long as the number is the same and counts nothing ("2 mm" and "2 lesions").
        p_raw, g_raw = ({q.raw for q in _quantities(text)} for text in (prediction, gold))
        return p_raw != g_raw or _swapped(prediction, gold, lambda head: _is_number(head) and "." not in head)
    return True  # 3.5 cm against 3.5 kg


def _by_dimension(quantities: tuple[Quantity, ...]) -> dict[str, set[Fraction | str]]:
    values: dict[str, set[Fraction | str]] = {}
    for quantity in quantities:
        values.setdefault(quantity.dimension, set()).add(quantity.value)
    return values


def _bounds(text: str, *, units: bool) -> dict[str, set[str]]:
    """What is said of each number: "<5 mm, 7, 8 to 9" -> 5mm: below, 7: n, 8 and 9: range."""
    bounds: dict[str, set[str]] = {}
    plain, quantities = spell_out(text, _ALL_RULES), _quantities(text)
    ends = [plain[a.end : b.start].strip() in ("to", "-") for a, b in pairwise(quantities)]
    for quantity, follows, leads in zip(quantities, [False, *ends], [*ends, False], strict=False):
        number = f"{quantity.value} {quantity.dimension}" if units else str(quantity.raw)
        bounds.setdefault(number, set()).update({"range"} if follows or leads else _ALLOWED[quantity.relation])
    return bounds


def _exclude(p: set[str], g: set[str]) -> bool:
    """<5 and 5, ≤5 and ≥5 exclude each other; ≤5 and 5 do not, nor do <5 and ≤5."""
    return not p & g or {"below", "above"} <= p ^ g


@lru_cache(maxsize=8192)
def _larger(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of which the first is said to be the larger: "left > right" -> (left, right), "> half" -> ("", half)."""
    words = ("", *tokens(text, _ALL_RULES))
    pairs = set()
    for left, sign, right in zip(words, words[1:], words[2:], strict=False):
        if sign in ("<", ">", "≤", "≥"):
            pairs.add((left, right) if sign in (">", "≥") else (right, left))
    return frozenset(pairs)


def _comparison_conflict(prediction: str, gold: str) -> bool:
    p, g = _quantities(prediction), _quantities(gold)
    units = bool({q.dimension for q in p} & {q.dimension for q in g})  # else a unit was left out
    p_bounds, g_bounds = _bounds(prediction, units=units), _bounds(gold, units=units)
    if any(_exclude(p_bounds[number], g_bounds[number]) for number in p_bounds.keys() & g_bounds.keys()):
        return True
    return any((smaller, larger) in _larger(gold) for larger, smaller in _larger(prediction))


@lru_cache(maxsize=8192)
def _lettered(text: str) -> dict[str, frozenset[str]]:
    """The letters beside a word: "hepatitis B and C" -> hepatitis: b c, "T cell" -> cell: t."""
    words = tokens(text, _ALL_RULES)
    found: dict[str, set[str]] = {}
    run: list[str] = []  # letters that only "and" and "or" part
    head = ""
    for word, following in pairwise((*words, "", "")):
        if word == "x" and (_NUMBER.match(head) or _NUMBER.match(following)):
            continue  # 3 x 2 cm
        if word in _LETTERS:
            run.append(word)
        elif not run or word not in ("and", "or"):
            for neighbour in (head, word) if run else ():
                if neighbour and neighbour not in _LINKS:
                    found.setdefault(neighbour.rstrip("s"), set()).update(run)
            run, head = [], word
    return _frozen(found)


def _letter_conflict(prediction: str, gold: str) -> bool:
    return _differ(_lettered(prediction), _lettered(gold))


@lru_cache(maxsize=8192)
def _poles(text: str) -> dict[str, frozenset[str]]:
    """What is positive and what negative: by the word before, or behind "positive for"; "" holds all of them."""
    words = tokens(text, _ALL_RULES)
    found: dict[str, set[str]] = {}
    for i, word in enumerate(words):
        pole = "positive" if _GRADED_PLUS.fullmatch(word) else word
        if pole not in _POLES:
            continue
        if i and words[i - 1] in ("not", "non", "never"):
            pole = "negative" if pole == "positive" else "positive"
        found.setdefault("", set()).add(pole)
        before = next((w for w in reversed(words[:i]) if w not in _COPULAS), "")
        if not before or before in _LINKS | _POLES | _NEGATIONS or words[i + 1 : i + 2] == ("for",):
            before = next((w for w in words[i + 1 :] if w not in _LINKS), "")
        if before and before not in _POLES:
            found.setdefault(before, set()).add(pole)
    return _frozen(found)


def _polarity_conflict(prediction: str, gold: str) -> bool:
    p, g = dict(_poles(prediction)), dict(_poles(gold))
    p_all, g_all = p.pop("", frozenset()), g.pop("", frozenset())
    return bool(p_all and g_all and not p_all & g_all) or _differ(p, g)


def _opposite_conflict(prediction: str, gold: str) -> bool:
    return _axis_conflict(prediction, gold, "opposite") or _differ(_beginnings(prediction), _beginnings(gold))


@lru_cache(maxsize=8192)
def _beginnings(text: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for word in set(tokens(text, _ALL_RULES)) - _INTENSITIES:
        for number, group in enumerate(_BEGINNINGS):
            for beginning in group:
                if word.startswith(beginning) and len(word) > len(beginning) + 2:
                    found.setdefault(f"{number} {word[len(beginning) :]}", set()).add(beginning)
    return _frozen(found)


def _opening(words: tuple[str, ...]) -> str | None:
    return words[0] if words and words[0] in ("yes", "no") else None


def _yes_no_conflict(prediction: str, gold: str) -> bool:
    p, g = (_opening(tokens(text, _ALL_RULES)) for text in (prediction, gold))
    return p is not None and g is not None and p != g


@lru_cache(maxsize=8192)
def _denied(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words that a text denies and those that it does not: "no mass, effusion present" -> mass; effusion, present.

    A negation reaches to the end of its clause; "absent" denies the whole clause; a list with "or" is one clause.
    """
    denied: set[str] = set()
    stated: set[str] = set()
    for sentence in _BREAK.split(spell_out(text, _ALL_RULES)):
        listed = re.search(r",[^,]*\b(?:or|nor)\b", sentence)
        for clause in [sentence] if listed else re.split(r",(?!\d)", sentence):
            words = tokens(clause, _ALL_RULES)
            first = next((i for i, word in enumerate(words) if word in _NEGATIONS), len(words))
            if "absent" in words:
                first = 0
            stated.update(words[:first])
            denied.update(words[first:])
    return frozenset(denied - _NEGATIONS - _LINKS), frozenset(stated - denied - _LINKS)


def _negation_conflict(prediction: str, gold: str) -> bool:
    p_words, g_words = (set(tokens(text, _ALL_RULES)) for text in (prediction, gold))
    if _NEGATIONS.isdisjoint(p_words) != _NEGATIONS.isdisjoint(g_words):
        return True
    for one, other in ((p_words, g_words), (g_words, p_words)):  # "noncontrast CT" and "contrast CT"
        if any(w.startswith("non") and w[3:] in other and not {w, w[3:]} <= one & other for w in one - other):
            return True
    if _NEGATIONS.isdisjoint(p_words):
        return False
    (p_denied, p_stated), (g_denied, g_stated) = _denied(prediction), _denied(gold)
    return bool(p_denied & g_stated and g_denied & p_stated)  # "no mass, effusion present" and the reverse


_CHECKS = {
    "yes_no": _yes_no_conflict,
    "polarity": _polarity_conflict,
    "negation": _negation_conflict,
    "comparison": _comparison_conflict,
    "number": _number_conflict,
    "letter": _letter_conflict,
    **{name: partial(_axis_conflict, conflict=name) for name in _AXES},
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
    "right lung, left kidney"). plane, modality, position, intensity: both name one and not the same. opposite: one of a
    pair of opposites against the other or both (benign/malignant, increased/decreased, hypo-/hyperthyroidism). Each is
    meant to hold back a high overlap, so the words are looked at wherever they stand.
    """
    return next((kind for kind, check in _CHECKS.items() if kind in kinds and check(prediction, gold)), None)
