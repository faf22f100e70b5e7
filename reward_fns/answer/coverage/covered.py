"""Is the gold answer stated in an answer, with nothing that speaks against it?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache

from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.conflicts.word_lists import AXES, AXIS_WORDS, NEGATIONS
from reward_fns.answer.coverage import chinese
from reward_fns.answer.coverage.candidates import is_list_of_candidates
from reward_fns.answer.coverage.gold import Gold, Item, holds, name_stems, read_gold
from reward_fns.answer.coverage.reading import STOP, Sentence, read
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.coverage.subjects import in_one_run, on_another_side, said_of_another
from reward_fns.answer.terms.table import DISEASE, load_terms
from reward_fns.answer.words.normalise import ALL_RULES, tokens

_ONE_OF_AN_IMAGE = ("modality", "plane")  # whatever else the answer says about it
_NAMED_BY_QUESTION = ("laterality", "plane", "modality")
_ALTERNATIVES = frozenset({"or", "versus", "vs", "either", "?", "/"})
_SALAD = 8  # content words beside the gold answer's, with hardly a function word among them
_PARTS = frozenset(
    "arch base apex lobe pole segment head body tail fundus wall root parenchyma tissue field zone".split()
)
_READ_WHOLE = NEGATIONS | {"around"}  # a name with such a word is looked for in the denials and places, too
_SLACK = 2  # words that may stand between those of a name


@lru_cache(maxsize=8192)  # the answers of a group are often the same
def covers(prediction: str, gold: str, question: str, conflicts: frozenset[str]) -> bool:
    """Is every word of `gold` that the question does not hold stated in `prediction`, and nothing against it?

    A word counts in any form and under any name that the table of terms has for it. All words of one item stand in one
    sentence. It does not count where it is denied, compared with, left open ("or", "cannot be excluded"), or one of a
    list of candidates. Against it: a conflict with the gold answer, or with a side, plane or modality of the question.
    """
    if chinese.CJK.search(gold) or chinese.CJK.search(prediction):
        return chinese.covers(prediction, gold, question, conflicts)
    wanted = read_gold(gold, question)
    if not wanted.items:
        return False
    sentences = read(prediction, wanted.keep)
    if _states_all(sentences, wanted, prediction, gold, question, conflicts):
        return True
    if wanted.whole is None:
        return False
    as_one = replace(wanted, items=(wanted.whole,))
    return _states_all(sentences, as_one, prediction, gold, question, conflicts)


def _states_all(
    sentences: tuple[Sentence, ...],
    wanted: Gold,
    prediction: str,
    gold: str,
    question: str,
    conflicts: frozenset[str],
) -> bool:
    found = _first_of_each(sentences, wanted.items)
    if found is None:
        return False
    holding = tuple(dict.fromkeys(found))
    if any(sentence.open for sentence in holding) or _leaves_choice(holding, wanted):
        return False
    if len(wanted.items) == 1 and is_inside(found[0], wanted.items[0], wanted):
        return False
    if any(_of_another_organ(sentence, item, wanted) for sentence, item in zip(found, wanted.items, strict=False)):
        return False
    if len(wanted.items) > 1 and not all(
        in_one_run(sentence, item)
        for sentence, item in zip(found, wanted.items, strict=False)
        if not AXIS_WORDS.isdisjoint(item.words)
    ):
        return False
    if (
        _takes_back(holding, wanted)
        or said_of_another(sentences, wanted)
        or on_another_side(sentences, wanted, gold, question)
    ):
        return False
    if _is_salad(sentences, wanted) or is_list_of_candidates(holding, wanted):
        return False
    whole = len(sentences) == 1 and sentences[0].stated == sentences[0].whole
    text = prediction if whole else " . ".join(sentence.stated_text for sentence in holding)
    kinds = [kind for kind in conflicts if kind != "negation" or wanted.denies]
    if find_conflict(text, gold, kinds) or _against_question(text, gold, question):
        return False
    if len(sentences) == 1:
        return True
    said = " . ".join(sentence.stated_text for sentence in sentences)
    return find_conflict(said, gold, [kind for kind in _ONE_OF_AN_IMAGE if kind in conflicts]) is None


def is_part(prediction: str, gold: str, question: str) -> bool:
    """Does the answer state only a part of the gold answer ("lung" of "right lung")?"""
    wanted = read_gold(gold, question)
    said = {stem_of(word) for word in tokens(prediction, ALL_RULES) if word not in STOP}
    return not said.isdisjoint(wanted.stems) and said <= wanted.stems | wanted.question


def _first_of_each(sentences: tuple[Sentence, ...], items: tuple[Item, ...]) -> list[Sentence] | None:
    """For each item the first sentence that states it; None if one is stated nowhere."""
    found: list[Sentence] = []
    for item in items:
        first = next((sentence for sentence in sentences if states(sentence, item)), None)
        if first is None:
            return None
        found.append(first)
    return found


def states(sentence: Sentence, item: Item) -> bool:
    """Are all needed words of the item stated in the sentence, under whatever name?"""
    return item.needed <= covered_positions(sentence, item)


def covered_positions(sentence: Sentence, item: Item) -> set[int]:
    stems = sentence.stems
    here = set(stems)
    covered = {i for i, stem in enumerate(item.stems) if stem in here}
    for positions, name in item.names:
        if not positions <= covered and _stands_in(name, stems, here):
            covered |= positions
        elif not positions <= covered and not _READ_WHOLE.isdisjoint(name):
            whole = tuple(map(stem_of, sentence.whole))  # "without contrast" is noncontrast
            if _stands_in(name, whole, set(whole)):
                covered |= positions
    return covered


def is_inside(sentence: Sentence, item: Item, wanted: Gold) -> bool:
    """Does an organ of the gold answer stand only inside the name of something else ("lung" in "lung cancer")?"""
    if load_terms().kinds(item.words) != {"anatomy"}:
        return False
    words = [word for word in sentence.stated if word not in STOP]
    if not sentence.has_verb and _names_finding(words, item, wanted):
        return True
    own = {frozenset(item.stems), *(frozenset(name) for _, name in item.names)}
    for i in item.needed:
        alone = {item.stems[i], *(name[0] for at, name in item.names if at == {i} and len(name) == 1)}
        places = [place for place, word in enumerate(words) if stem_of(word) in alone]
        if places and all(_part_of_other(words, place, own, wanted) for place in places):
            return True
    return False


def _of_another_organ(sentence: Sentence, item: Item, wanted: Gold) -> bool:
    """Does another organ stand for one that the question says ("enlarged sulci", asked about enlarged ventricles)?"""
    table, here = load_terms(), set(sentence.stems)
    left_out = [
        word
        for i, word in enumerate(item.words)
        if i not in item.needed and (table.kinds([word]) == {"anatomy"} or word in _PARTS)
    ]
    if all(_named_in(here, word) for word in left_out):
        return False
    known = set(wanted.stems | wanted.question)
    return any(table.kinds([word]) == {"anatomy"} and not _named_in(known, word) for word in sentence.stated)


def _named_in(stems: set[str], word: str) -> bool:
    """Do the stems hold the word under any of its names?"""
    return stem_of(word) in stems or any(stems.issuperset(name_stems(name)) for name in load_terms().names([word]))


def _names_finding(words: list[str], item: Item, wanted: Gold) -> bool:
    """Does a bare answer end in a finding or a device at the organ ("breast implant" for breast)?"""
    if not words or words[-1] in _PARTS or stem_of(words[-1]) in wanted.stems | wanted.question:
        return False
    before = set(map(stem_of, words[:-1]))
    return "," not in words and load_terms().kinds(words[-1:]) == {DISEASE} and holds(before, item)


def _part_of_other(words: list[str], place: int, own: set[frozenset[str]], wanted: Gold) -> bool:
    for start in range(max(0, place - 2), place + 1):
        for end in range(max(start + 2, place + 1), min(start + 4, len(words)) + 1):
            stems = frozenset(map(stem_of, words[start:end]))
            if stems in own or stems <= wanted.question | wanted.stems:
                continue
            kinds = load_terms().kinds(words[start:end])
            if kinds and ("anatomy" not in kinds or (place < end - 1 and words[end - 1] not in _PARTS)):
                return True
    return False


def _stands_in(name: tuple[str, ...], stems: tuple[str, ...], here: set[str]) -> bool:
    """Do the words of a name stand close together, in any order?"""
    if not here.issuperset(name):
        return False
    if len(name) == 1:
        return True
    wanted, window = set(name), len(name) + _SLACK
    words = [stem for stem in stems if stem not in STOP]
    return any(wanted.issubset(words[i : i + window]) for i in range(max(1, len(words) - len(name) + 1)))


def _takes_back(holding: tuple[Sentence, ...], wanted: Gold) -> bool:
    """Does a bare answer deny what it states ("pneumonia no pneumonia")?"""
    if wanted.denies:
        return False
    for sentence in holding:
        denied = Counter(map(stem_of, sentence.whole)) - Counter(sentence.stems)
        if not sentence.has_verb and any(all(item.stems[i] in denied for i in item.needed) for item in wanted.items):
            return True
    return False


def _leaves_choice(holding: tuple[Sentence, ...], wanted: Gold) -> bool:
    for sentence in holding:
        words = sentence.stated
        for i, word in enumerate(words):
            if word in _ALTERNATIVES and word not in wanted.joints and words[i - 1 : i] != words[i + 1 : i + 2]:
                return True
    return False


def _is_salad(sentences: tuple[Sentence, ...], wanted: Gold) -> bool:
    words = [word for sentence in sentences for word in sentence.whole if word[0].isalnum()]
    idle = sum(word in STOP for word in words)
    return len(words) - len(wanted.stems) - idle >= _SALAD and idle * 8 < len(words)


def _against_question(text: str, gold: str, question: str) -> bool:
    """Does the text name another side, plane or modality than the question does, where the gold answer names none?"""
    asked, said, right = (set(tokens(one, ALL_RULES)) for one in (question, text, gold))
    for kind in _NAMED_BY_QUESTION:
        for axis in AXES[kind]:
            q, p, g = ({term for term, names in axis.items() if names & words} for words in (asked, said, right))
            if len(q) == 1 and p and not g and not p & q and "both" not in p | q:
                return True
    return False
