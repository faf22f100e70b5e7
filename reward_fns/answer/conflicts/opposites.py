"""Do two answers say opposite things of the same word? "low-grade glioma" and "glioma with high signal" do not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from reward_fns.answer.conflicts.bound_words import NUMBER
from reward_fns.answer.conflicts.word_lists import AXES, COPULAS, LINKS, NEGATIONS, SIDES
from reward_fns.answer.words.normalise import ALL_RULES, spell_out, tokens, words_of

_OPPOSITES = AXES["opposite"]
# word: its axis and its pole there
_POLES = {
    word: (axis, term) for axis, terms in enumerate(_OPPOSITES) for term, words in terms.items() for word in words
}
# Said of the finding or the patient as a whole, whatever word it stands at: "benign tumor" and "malignant neoplasm".
_OF_THE_WHOLE = frozenset(_POLES[word][0] for word in ("benign", "male"))
_CLAUSE = re.compile(r"[;,.](?!\d)|\b(?:but|however|although|while|whereas)\b")
_SLASH = re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_])")
_JOINTS = frozenset("or and to on versus vs".split())  # between two poles: benign or malignant, acute on chronic
_LEADS_ON = frozenset("of in and or".split())  # "enlargement of spleen", "increase in signal", "large and round mass"
_PHRASE_ENDS = (
    LINKS
    | COPULAS
    | NEGATIONS
    | frozenset(
        "with without from than near within into during after before via per as due has have had be been being there "
        "which that this seen noted present visible shown shows showing identified suspected likely probable probably "
        "possible possibly".split()
    )
)
_IDLE = _PHRASE_ENDS - NEGATIONS - {"without", "than"}  # words that make no difference between two answers


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says on its axes: of each word, in the whole, and where it leaves the choice open."""

    of: dict[tuple[int, str], frozenset[str]]
    """By axis and head word, the poles: "benign tumor" and "the tumor is benign" say benign of tumor."""
    open: frozenset[tuple[int, str]]
    """Where "or", "and", "to" stands between two poles: by axis and head word, and by axis and the empty word."""
    all: dict[int, frozenset[str]]
    words: tuple[str, ...]

    def nothing_else(self) -> bool:
        return all(word in _POLES or word in LINKS for word in self.words)

    def undecided(self, axis: int) -> bool:
        return (axis, "") in self.open or (self.nothing_else() and len(self.all[axis]) > 1)


def opposite_poles(prediction: str, gold: str) -> bool:
    """Opposite poles of one axis on the same word; as a whole answer; or as all that tells the two answers apart.

    An answer that leaves the choice open ("benign or malignant tumor") says the opposite of one that does not.
    """
    g = _said(gold)
    if not g.all:
        return False
    p = _said(prediction)
    if not p.all:
        return False
    for key in p.of.keys() & g.of.keys():
        if p.of[key].isdisjoint(g.of[key]) or (p.of[key] != g.of[key] and key in p.open | g.open):
            return True
    bare = p.nothing_else() or g.nothing_else()
    for axis in p.all.keys() & g.all.keys():
        if p.all[axis].isdisjoint(g.all[axis]) and (bare or axis in _OF_THE_WHOLE):
            return True
        if p.all[axis] != g.all[axis] and bare and (p.undecided(axis) or g.undecided(axis)):
            return True
    return _exchanged(p.words, g.words)


def _exchanged(p: tuple[str, ...], g: tuple[str, ...]) -> bool:
    """Is one answer the other with nothing but poles exchanged?"""
    p_words, g_words = (Counter(_singular(word) for word in words if word not in _IDLE) for words in (p, g))
    rest = (p_words - g_words).keys(), (g_words - p_words).keys()
    if not all(rest) or not all(word in _POLES for words in rest for word in words):
        return False
    p_poles, g_poles = ({_POLES[word] for word in words} for words in rest)
    return any(axis == other and pole != opposite for axis, pole in p_poles for other, opposite in g_poles)


def _singular(word: str) -> str:
    return word if word in _POLES else word.rstrip("s")


@lru_cache(maxsize=8192)
def _said(text: str) -> _Said:
    of: dict[tuple[int, str], set[str]] = {}
    all_: dict[int, set[str]] = {}
    open_: set[tuple[int, str]] = set()
    for words in _clauses(text):
        end = 0
        for start, word in enumerate(words):
            if start < end or word not in _POLES:
                continue
            end = _run_of_poles(words, start)
            run = words[start:end]
            poles: dict[int, set[str]] = {}
            for axis, pole in (_POLES[word] for word in run if word in _POLES):
                poles.setdefault(axis, set()).add(pole)
                all_.setdefault(axis, set()).add(pole)
            heads = _heads(words, start, end)
            for axis, said in poles.items():
                for head in heads:
                    of.setdefault((axis, head), set()).update(said)
                if len(said) > 1 and not _JOINTS.isdisjoint(run):
                    open_.update((axis, head) for head in (*heads, ""))
    return _Said(
        of={key: frozenset(poles) for key, poles in of.items()},
        open=frozenset(open_),
        all={axis: frozenset(poles) for axis, poles in all_.items()},
        words=tokens(text, ALL_RULES),
    )


def _clauses(text: str) -> list[list[str]]:
    """The words of each clause; one that is a mere pole belongs to the clause before it: "infarct, chronic"."""
    clauses: list[list[str]] = []
    plain = _SLASH.sub(" or ", spell_out(text, ALL_RULES))
    for words in (list(words_of(clause)) for clause in _CLAUSE.split(plain)):
        alone = all(word in _POLES or word in _JOINTS for word in words)
        if clauses and (alone or all(word in _POLES for word in clauses[-1])):
            clauses[-1] += words
        else:
            clauses.append(words)
    return clauses


def _run_of_poles(words: list[str], start: int) -> int:
    end = start + 1
    while end < len(words):
        if words[end] in _POLES:
            end += 1
        elif words[end] in _JOINTS and end + 1 < len(words) and words[end + 1] in _POLES:
            end += 2
        else:
            break
    return end


def _heads(words: list[str], start: int, end: int) -> set[str]:
    """The words that the poles in words[start:end] modify.

    The next word and the last of the phrase that it opens (small: bowel and obstruction), what it is seen on (low
    signal on T1: T1), what follows "of" (enlargement of spleen), the word before (renal artery), and what a verb ties
    them to (the tumor in the left lobe is benign: tumor).
    """
    after_copula = start > 0 and words[start - 1] in COPULAS
    heads = set(_phrase(words, 0)[-1:]) if after_copula else set()
    before = start - 1
    while before >= 0 and words[before] in COPULAS:
        before -= 1
    if before >= 0:
        heads.add(words[before])
    phrase = _phrase(words, end)
    if not phrase and not after_copula and end < len(words) and words[end] in _LEADS_ON:
        phrase = _phrase(words, end + 1)
    elif phrase and end + len(phrase) < len(words) and words[end + len(phrase)] == "on":
        heads.update(_phrase(words, end + len(phrase) + 1)[:1])
    named = [word for word in phrase if word not in SIDES and not NUMBER.match(word) and word not in _POLES]
    heads.update(named[:1] + named[-1:])
    return {head.rstrip("s") for head in heads if head not in _PHRASE_ENDS and head not in _POLES and head not in SIDES}


def _phrase(words: list[str], start: int) -> list[str]:
    """The words from `start` up to a preposition, a verb or the end of the clause."""
    end = start
    while end < len(words) and words[end] not in _PHRASE_ENDS:
        end += 1
    return words[start:end]
