"""Does an answer say yes or no to a question, with its first word or by saying the question's words again?"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.conflicts.word_lists import AXES, SIDES
from reward_fns.answer.coverage import chinese
from reward_fns.answer.coverage.covered import covered_positions
from reward_fns.answer.coverage.gold import Item, kinds_of, name_stems
from reward_fns.answer.coverage.reading import NORMAL, STOP, Sentence, read
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.terms.table import DISEASE, MAX_WORDS, load_terms
from reward_fns.answer.words.normalise import ALL_RULES, tokens

YES = frozenset("yes yeah yep yup yea aye correct true affirmative indeed certainly absolutely definitely".split())
NO = frozenset("no none nope nah incorrect false".split())
_SAID = re.compile(r"\b(?:answer|response|conclusion)\s*(?:is|:|=)?\s*[\"'*]*\s*(yes|no)\b")
_ASKS = frozenset("is are was were do does did has have had can could".split())  # the question again
_AXES = (
    "number",
    "comparison",
    "letter",
    "laterality",
    "plane",
    "modality",
    "position",
    "intensity",
    "opposite",
    "polarity",
)
BOTH = AXES["laterality"][0]["both"]
_IDLE = STOP | frozenset(
    "do does did any there you can could would is image abnormality abnormal finding findings sign signs film exam "
    "appearing looking used performed taken obtained acquired section view biopsy micrograph sample smear "
    "study slide specimen contain contains exist depict depicts demonstrate demonstrates reveal reveals have".split()
)
_NOT_NORMAL = re.compile(
    rf"\b(?:not|isnt|arent|never|no longer|neither|without)\b(?: \w+){{0,3}} (?:{'|'.join(NORMAL)})\b"
    r"|\babnormal|\bunhealthy\b"
)
_ASKS_NOT_NORMAL = re.compile(rf"\bnot\s+({'|'.join(NORMAL)})\b", re.IGNORECASE)
_PRONOUNS = frozenset("it they this that".split())
_SHORT = 4  # words; "it does not exist"
_NO_ABNORMALITY = re.compile(r"\b(?:no|not|without)(?: \w+){0,2} abnormal(?:it(?:y|ies))?\b")
_ASKS_ABNORMAL = re.compile(r"\b(?:abnormal|abnormality|abnormalities|lesions?|pathology|disease)\b", re.IGNORECASE)
_ASKS_PRESENCE = re.compile(r"\b(?:there|evidence|any|seen|visible|shows?|contains?|presence|present)\b", re.IGNORECASE)
_ASKS_STATE = re.compile(
    r"^\W*(?:is|are|was|were|does|do)\s+(?:the|this|these|both|all)\b(?!.*\b(?:contains?|shows?|evidence|present|visible|seen)\b)",
    re.IGNORECASE | re.DOTALL,
)
_SUBJECT = re.compile(
    r"^\W*(?:is|are|was|were|does|do)\s+(?:the|this|these)\s+((?:tumou?r|lesion|mass|cell|tissue|nodule|neoplasm|finding)(?:e?s)?)\b",
    re.IGNORECASE,
)
"""A subject that the answer may name by a narrower word ("is the tumor benign?", "it is a benign adenoma")."""
_ENOUGH = 0.5  # share of the question's words that a sentence must say again


def is_chinese_yes_no(gold: str) -> bool:
    return chinese.is_yes_no(gold)


@lru_cache(maxsize=8192)  # the answers of a group are often the same
def says(prediction: str, gold: str, question: str, mode: str) -> bool:
    """Does the answer say the yes or no of the gold answer? `mode` is options.yes_no, but not mix."""
    words, gold_words = tokens(prediction, ALL_RULES), tokens(gold, ALL_RULES)
    if words == gold_words:
        return True
    if mode == "exact":
        return False
    if mode == "leading":
        return words[:1] == gold_words
    if chinese.is_yes_no(gold):
        return chinese.polarity(prediction, question) == chinese.polarity(gold)
    return polarity(prediction, question) == gold_words[0]


def polarity(prediction: str, question: str) -> str:
    """ "yes", "no", or "" for an answer that says neither, both, or that it cannot tell."""
    words = tokens(prediction, ALL_RULES)
    if _NO_ABNORMALITY.match(" ".join(words)) and not NORMAL.isdisjoint(tokens(question, ALL_RULES)):
        return "yes"
    said = {"yes" if word in YES else "no" for word in words[:1] if word in YES | NO}
    said |= set(_SAID.findall(" ".join(words)))
    if len(said) > 1 or (said and _takes_back(words)) or (words[:1] and words[0] in _ASKS):
        return ""
    if said:
        opening = said.pop()
        return "" if opening == "yes" and _by_words(prediction, question).denied else opening
    if words[:1] and words[0] in _PRONOUNS and len(words) <= _SHORT and "not" in words:
        return "no"
    if _ASKS_NOT_NORMAL.search(question):
        said_of_normal = _by_words(prediction, _ASKS_NOT_NORMAL.sub(r"\1", question)).polarity
        return {"yes": "no", "no": "yes"}.get(said_of_normal, "")
    return _by_words(prediction, question).polarity


def _takes_back(words: tuple[str, ...]) -> bool:
    """ "yes and no", "yes or no", "yes no", "no ..., so yes"."""
    if {words[0], words[-1]} == {"yes", "no"} or words[1:2] in (("yes",), ("no",)):
        return True
    return words[1:2] in (("and",), ("or",)) and words[2:3] in (("yes",), ("no",))


class _Said(NamedTuple):
    polarity: str
    denied: bool = False
    """Does the answer deny words of the question outright?"""


def _by_words(prediction: str, question: str) -> _Said:
    content = tuple(word for word in tokens(question, ALL_RULES) if word not in _IDLE)
    if (match := _SUBJECT.search(question)) and len(content) > 1:
        subject = set(tokens(match[1], ALL_RULES))
        content = tuple(word for word in content if word not in subject) or content
    if not content:
        return _Said("")
    item = _as_item(content)
    best: tuple[float, Sentence | None] = (0.0, None)
    for sentence in read(prediction, frozenset({"denial", "place", "cause"})):
        share = len(covered_positions(sentence, item)) / len(content)
        if share > best[0]:
            best = (share, sentence)
        if share == 0 and find_conflict(
            sentence.stated_text, question, ("modality", "plane", "laterality", "opposite")
        ):
            return _Said("no")
    share, nearest = best
    if nearest is None and _ASKS_PRESENCE.search(question) and _all_normal(prediction):
        return _Said("no")
    if nearest is None or nearest.open or share < _ENOUGH:
        return _Said("")
    return _of_sentence(nearest, item, question)


def _all_normal(prediction: str) -> bool:
    """Does every sentence call something normal, and none state anything else ("The bones are intact")?"""
    sentences = read(prediction)
    return bool(sentences) and all(
        not sentence.stated and not NORMAL.isdisjoint(sentence.whole) for sentence in sentences
    )


def _of_sentence(sentence: Sentence, item: Item, question: str) -> _Said:
    text = " ".join(sentence.whole)
    said = covered_positions(sentence, item)
    stated = set().union(*(covered_positions(one, item) for one in read(text)))
    if said - stated and not NORMAL & set(item.words):
        return _Said("no", denied=True)
    axes: tuple[str, ...] = _AXES
    if not BOTH.isdisjoint(sentence.whole):  # "in both lungs" is in the right one, too
        axes = tuple(kind for kind in _AXES if kind != "laterality")
        said |= {i for i, word in enumerate(item.words) if word in SIDES}
    if find_conflict(text, question, axes):
        return _Said("no")
    if len(said) == len(item.words):
        return _Said("no" if NORMAL & set(item.words) and _is_not_normal(text) else "yes")
    if _ASKS_ABNORMAL.search(question):
        return _Said("yes" if any(DISEASE in kinds_of(part) for part in _parts(sentence)) else "")
    return _Said("no" if sentence.has_verb and _ASKS_STATE.search(question) else "")


def _is_not_normal(text: str) -> bool:
    """Does the text deny that something is normal? "No abnormality" and "normal, with no fracture" do not."""
    return _NOT_NORMAL.search(_NO_ABNORMALITY.sub("", text)) is not None


def _parts(sentence: Sentence) -> list[tuple[str, ...]]:
    """All beginnings of the stated words, so that a finding is found wherever it ends."""
    return [sentence.stated[:end] for end in range(1, len(sentence.stated) + 1)]


def _as_item(words: tuple[str, ...]) -> Item:
    table = load_terms()
    names: dict[tuple[frozenset[int], tuple[str, ...]], None] = {}
    for length in range(min(len(words), MAX_WORDS), 0, -1):
        for start in range(len(words) - length + 1):
            positions = frozenset(range(start, start + length))
            for name in table.names(words[start : start + length]):
                if stems := name_stems(name):
                    names[positions, stems] = None
    stems = tuple(map(stem_of, words))
    return Item(words, stems, frozenset(range(len(words))), tuple(names), frozenset())
