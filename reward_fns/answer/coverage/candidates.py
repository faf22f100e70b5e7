"""Lists of candidates that include the gold answer: "liver, heart, spleen" for "liver"."""

from __future__ import annotations

from itertools import groupby

from reward_fns.answer.conflicts.word_lists import AXIS_WORDS
from reward_fns.answer.coverage.gold import Gold, holds, kinds_of
from reward_fns.answer.coverage.reading import STOP, VERBS, Sentence
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.terms.table import load_terms

_JOINTS = frozenset({",", "/", "and", "or", "plus", "versus", "vs"})
_MAX_WORDS = 2  # of a candidate that the table of terms does not know
_HEAP = 3  # words
_ENDS = frozenset(
    ": ( ) with because since which while where but however although though as showing causing involving "
    "including specifically namely particularly especially".split()
)

_RELATES = frozenset("part typical characteristic diagnostic pathognomonic".split())  # before "of": the uterus, part of


def is_list_of_candidates(holding: tuple[Sentence, ...], wanted: Gold) -> bool:
    """Does a sentence put something of the gold answer's kind beside it that is not part of the gold answer?"""
    kinds = frozenset().union(*(item.kinds for item in wanted.items))
    for sentence in holding:
        if not sentence.has_verb and _is_heap(sentence, wanted, kinds):
            return True
        if any(_has_stranger(chain, sentence, wanted, kinds) for chain in _chains(sentence)):
            return True
    return False


def _is_heap(sentence: Sentence, wanted: Gold, kinds: frozenset[str]) -> bool:
    """Names of the gold answer's kind side by side, without a comma: "liver heart spleen lung"."""
    words, table, start, strangers = sentence.stated, load_terms(), 0, 0
    while start < len(words):
        end = next((e for e in range(min(start + 4, len(words)), start, -1) if table.kinds(words[start:e])), start + 1)
        named = words[start:end]
        strangers += bool(kinds & table.kinds(named)) and not {*map(stem_of, named)} <= wanted.stems | wanted.question
        start = end
    return strangers >= _HEAP


def _chains(sentence: Sentence) -> list[list[tuple[str, ...]]]:
    """The lists of a sentence: items between commas and "and"."""
    chains: list[list[tuple[str, ...]]] = []
    following = zip(sentence.stated, (*sentence.stated[1:], ""), strict=False)
    for ends, pairs in groupby(following, key=_ends_list):
        if not ends:
            words = [word for word, _ in pairs]
            items = [tuple(item) for joint, item in groupby(words, key=_JOINTS.__contains__) if not joint]
            items[1:] = map(_subject, items[1:])
            chains.append(items)
    return chains


def _ends_list(pair: tuple[str, str]) -> bool:
    word, following = pair
    return word in _ENDS or (word in _RELATES and following == "of")


def _subject(item: tuple[str, ...]) -> tuple[str, ...]:
    """The words up to a verb: the liver in "the kidney and the liver are of one size"."""
    end = next((i for i, word in enumerate(item) if i and word in VERBS), len(item))
    return item[:end]


def _has_stranger(chain: list[tuple[str, ...]], sentence: Sentence, wanted: Gold, kinds: frozenset[str]) -> bool:
    bare = not sentence.has_verb
    together = tuple(word for words in chain for word in words)
    if len(chain) < 2 or not any(holds({*map(stem_of, together)}, item) for item in wanted.items):
        return False
    head = chain[-1][-1:]  # "frontal and parietal lobes"
    own = wanted.stems | _named_together({*map(stem_of, together)}, wanted)
    strangers = [_content(words) for words in chain if _is_stranger(words, wanted, own)]
    if len(head[0]) > 3 and any(kinds & kinds_of((*words, *head)) and not kinds_of(words) for words in strangers):
        return True
    if any(len(words) == 1 and words[0] in AXIS_WORDS for words in strangers):
        return True  # "anterior, middle and posterior cerebral artery"
    if any(kinds & (kinds_of(words) or kinds_of(_without(words, wanted.question))) for words in strangers):
        return True
    if kinds:  # a term that the table does not know may be of this kind; in a sentence it seldom is
        strangers = [words for words in strangers if bare and not kinds_of(words)]
    few = 1 if bare and ("and" in sentence.stated or len(wanted.items) > 1) else 2
    return len(strangers) >= few and all(len(words) <= _MAX_WORDS for words in strangers)


def _named_together(stems: set[str], wanted: Gold) -> frozenset[str]:
    """The words of another name that a list spells out: heart and great vessels, for cardiovascular."""
    names = (name for item in wanted.items for _, name in item.names if len(name) > 1 and stems.issuperset(name))
    return frozenset(stem for name in names for stem in name)


def _is_stranger(words: tuple[str, ...], wanted: Gold, own: frozenset[str]) -> bool:
    content = {stem_of(word) for word in _content(words)}
    if content <= (own if wanted.choice else own | wanted.question):
        return False
    return not any(holds({*map(stem_of, words)}, item) for item in wanted.items)


def _without(words: tuple[str, ...], stems: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in words if stem_of(word) not in stems)


def _content(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in STOP)
