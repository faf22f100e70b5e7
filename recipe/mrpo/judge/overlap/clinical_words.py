"""Words of a clinical sentence: content stems, their sides, and the denied words.

Rules of the kind of NegEx (Chapman et al. 2001, doi:10.1006/jbin.2001.1029), cut down to the head noun of the phrase
after a negation, so that "no lung nodules" denies the nodules and not the lung.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Each CJK character counts as a word: those scripts write no spaces.
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_CLAUSE = re.compile(r"[.;:,!?()\n。；，：]|\b(?:but|whereas|while|although|however|though|except)\b")
# Longer ones are cut: a denial reaches a few words, and the search for its reach is quadratic.
_MAX_CLAUSE = 64
_NUMBER = re.compile(r"(?<![\w.,])[0-9]{1,9}(?:[.,][0-9]{1,9})?(?![\w])")
_BOTH = re.compile(r"\b(?:left and right|right and left|both|bilaterally)\b")

_SIDES = {
    "left": "left", "leftward": "left", "leftwards": "left", "bilateral": "bilateral",
    "right": "right", "rightward": "right", "rightwards": "right",
}  # fmt: skip
_STOP_TEXT = """
    a an the this that these those it its there here of in on at to for from by with as and or nor than then so is are
    was were be been being am has have had do does did which what who whom whose where when why how i we you he she they
    our my your their his her may might can could will would shall should must also very more most some any such into
    over under again already previously mentioned earlier above between within during about up out if because since thus
    therefore hence sided side s t"""
_STOP = frozenset(_STOP_TEXT.split())
# Words of reporting: they carry no finding, and a denial reaches through them ("no evidence of effusion").
_GENERIC_TEXT = """
    see show evidence image finding sign note visible present presence demonstrate suggest indicate identify appear
    consistent reveal observe view picture figure scan study seen shown significant obvious definite clear acute"""
_GENERIC = frozenset(_GENERIC_TEXT.split())
_DENIES_AFTER = frozenset({"no", "not", "without", "never", "neither", "denies", "lacks", "lack", "absence", "cannot"})
_DENIES_BEFORE = frozenset({"absent", "excluded", "negative"})
_ENDS_PHRASE_TEXT = """
    in on at within of with from is are was were be has have to for by along near around over under involving which that
    causing due because so"""
_ENDS_PHRASE = frozenset(_ENDS_PHRASE_TEXT.split())
_SUFFIXES = (
    "ations",
    "ation",
    "ities",
    "ness",
    "ings",
    "ing",
    "edly",
    "ies",
    "ity",
    "ous",
    "ed",
    "es",
    "ly",
    "al",
    "ic",
    "s",
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A crude stem: the longest known ending is cut if four letters remain ("enlarged", "enlargement" stay apart)."""
    if word == "ies" or not word.isascii():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            return word[: -len(suffix)].rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word


_STOP_STEMS = frozenset(map(stem, _GENERIC)) | _GENERIC


@dataclass(frozen=True)
class Facts:
    """A text by content stem: `sides` of each stem, stems that are `denied` and stems that are `stated`."""

    words: frozenset[str]
    all_sides: frozenset[str]
    sides: dict[str, frozenset[str]]
    denied: frozenset[str]
    stated: frozenset[str]

    def contradicts_side(self, gold: Facts) -> bool:
        """Is some shared word put on a side where the gold text never puts it, be it beside the right one?"""
        return any(w in gold.sides and sides - gold.sides[w] for w, sides in self.sides.items())

    def contradicts_polarity(self, gold: Facts) -> bool:
        """Is some word denied that the gold text only states, or stated that the gold text only denies?"""
        denied = self.denied - self.stated
        stated = self.stated - self.denied
        return bool(denied & (gold.stated - gold.denied) or stated & (gold.denied - gold.stated))


def _is_content(word: str) -> bool:
    return word not in _STOP and word not in _SIDES and word not in _GENERIC and word not in _DENIES_AFTER


# Joins words to a sentence, beside the stop words, negations and words of reporting. Common verbs of reports, not all.
_JOINS_TEXT = """
    lie lies lay lead leads fill fills carry carries run runs extend extends cross crosses reach reaches take takes mean
    means point points fit fits mark marks make makes give gives hold holds contain contains separate separates divide
    divides replace replaces measure measures look looks stand stands belong belongs exclude excludes support supports
    cause causes rule rules remain remains stay stays become becomes occupy occupies involve involves surround surrounds
    represent represents correspond corresponds displace displaces compress compresses obstruct obstructs
    along through behind beside near around across toward towards against below beneath above left right both each other
    another many several one two three four five six some only all almost hardly usually often would rather than like
    when where but because although however so therefore"""
_JOINS = frozenset(_JOINS_TEXT.split())


def words_of(text: str) -> list[str]:
    """The words of a text in order, in lower case."""
    return _WORD.findall(text.lower())


def is_function_word(word: str) -> bool:
    """Does this word join others to a sentence, rather than name a thing?"""
    return word in _STOP or stem(word) in _STOP_STEMS or word in _DENIES_AFTER or word in _JOINS or word in _ENDS_PHRASE


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry content: no stop words, no words of reporting, no sides, no negations."""
    return frozenset(stem(w) for w in _WORD.findall(text.lower()) if _is_content(w)) - _STOP_STEMS


def sides_in(text: str) -> frozenset[str]:
    """All sides that a text names, of anything."""
    return frozenset(_SIDES[w] for w in _WORD.findall(_BOTH.sub("bilateral", text.lower())) if w in _SIDES)


def numbers_in(text: str) -> frozenset[float]:
    """The numbers a text writes in digits."""
    return frozenset(float(found.replace(",", ".")) for found in _NUMBER.findall(text))


def facts(text: str) -> Facts:
    """Words, sides and denials of a text, clause by clause."""
    words: set[str] = set()
    all_sides: set[str] = set()
    sides: dict[str, set[str]] = {}
    denied: set[str] = set()
    stated: set[str] = set()
    for clause in _CLAUSE.split(_BOTH.sub("bilateral", text.lower().replace("n't", " not"))):
        tokens = _WORD.findall(clause)
        parts = []
        for start in range(0, len(tokens), _MAX_CLAUSE):
            piece = tokens[start : start + _MAX_CLAUSE]
            piece_denied, piece_stated = _polarity(piece)
            denied |= piece_denied
            stated |= piece_stated
            parts += _around_and(piece)
        for part in parts:
            stems = {s for s in (stem(t) for t in part if _is_content(t)) if s not in _STOP_STEMS}
            here = {_SIDES[t] for t in part if t in _SIDES}
            words |= stems
            all_sides |= here
            for s in stems if here else ():
                sides.setdefault(s, set()).update(here)
    by_word = {w: frozenset(s) for w, s in sides.items()}
    return Facts(frozenset(words), frozenset(all_sides), by_word, frozenset(denied), frozenset(stated))


def _around_and(tokens: list[str]) -> list[list[str]]:
    """Split at "and" where both halves name their own side ("left lung and right heart")."""
    for i, token in enumerate(tokens):
        if token == "and" and _SIDES.keys() & set(tokens[:i]) and _SIDES.keys() & set(tokens[i:]):
            return [tokens[:i], *_around_and(tokens[i + 1 :])]
    return [tokens]


def _polarity(tokens: list[str]) -> tuple[set[str], set[str]]:
    """Stems denied and stems stated in one clause; the other words of a denied phrase are neither."""
    stems = [stem(t) for t in tokens]
    content = [_is_content(t) and s not in _STOP_STEMS for t, s in zip(tokens, stems, strict=True)]
    denied: set[str] = set()
    covered = [False] * len(tokens)
    for i, token in enumerate(tokens):
        if token in _DENIES_BEFORE or (token == "not" and not any(content[i + 1 :])):
            heads = [j for j in range(i) if content[j] and not covered[j]]
            start, end = (heads[-1], i) if heads else (i, i)
            while start > 0 and content[start - 1]:
                start -= 1
            denied |= {stems[heads[-1]]} if heads else set()
        elif token in _DENIES_AFTER:
            start, end = i + 1, i + 1
            head: str | None = None
            while end < len(tokens):
                word = tokens[end]
                if content[end]:
                    head = stems[end]
                elif word in ("or", "nor", "and"):
                    denied |= {head} if head else set()
                    head = None
                elif word in _ENDS_PHRASE and head:
                    break
                end += 1
            denied |= {head} if head else set()
        else:
            continue
        covered[start:end] = [True] * (end - start)
    stated = {s for s, c, hidden in zip(stems, content, covered, strict=True) if c and not hidden}
    return denied, stated - denied
