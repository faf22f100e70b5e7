"""Is the gold answer's word about the subject of the question? "The liver is enlarged, the spleen is normal" is no
answer "enlarged" to a question about the spleen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reward_fns.answer.conflicts.word_lists import SIDES
from reward_fns.answer.coverage.gold import Gold, Item, holds
from reward_fns.answer.coverage.reading import VERBS, Sentence
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.words.normalise import ALL_RULES, tokens

_PARTS = frozenset({",", ":", "(", ")", "while", "whereas", "but", "although", "though", "however"})
_NEXT_STATEMENT = 5  # words after "and" within which its verb stands
_POINTS_BACK = frozenset("it this they these which that there".split())


def said_of_another(sentences: tuple[Sentence, ...], wanted: Gold) -> bool:
    """Does one clause hold the gold answer and no word of the question, and another clause the reverse?

    Only a clause with a verb has its own subject; a clause that points back (it, this) is about the clause before.
    """
    asked = wanted.question - wanted.stems
    with_gold: list[bool] = []
    of_another = False
    for words in _clauses(sentences):
        stems = set(map(stem_of, words))
        own = any(holds(stems, item) for item in wanted.items)
        about = not asked.isdisjoint(stems)
        says = not VERBS.isdisjoint(words)
        if own:
            with_gold.append(not says or about or not _POINTS_BACK.isdisjoint(words))
        elif about and says and _POINTS_BACK.isdisjoint(words[:2]):
            of_another = True
    return of_another and bool(with_gold) and not any(with_gold)


def on_another_side(sentences: tuple[Sentence, ...], wanted: Gold, gold: str, question: str) -> bool:
    """Is the gold answer said only of the side that the question does not ask about ("the liver is on the right")?"""
    asked = _sides(tokens(question, ALL_RULES))
    if len(asked) != 1 or "both" in asked or _sides(tokens(gold, ALL_RULES)):
        return False
    there = [_sides(words) for words in _clauses(sentences) if _holds_one(words, wanted)]
    return bool(there) and all(sides and not sides & (asked | {"both"}) for sides in there)


def _sides(words: Iterable[str]) -> set[str]:
    return {SIDES[word] for word in words if word in SIDES}


def _holds_one(words: list[str], wanted: Gold) -> bool:
    stems = set(map(stem_of, words))
    return any(holds(stems, item) for item in wanted.items)


def in_one_run(sentence: Sentence, item: Item) -> bool:
    """Do all words of the item stand together, with no comma or "and" between them?"""
    run: list[str] = []
    for word in (*sentence.stated, ","):
        if word in _PARTS or word == "and":
            if holds(set(map(stem_of, run)), item):
                return True
            run = []
        else:
            run.append(word)
    return False


def _has_own_verb(words: tuple[str, ...], place: int, before: list[str]) -> bool:
    """Does "and" join two statements, each with its verb, and not two things?"""
    following = words[place + 1 : place + _NEXT_STATEMENT]
    if VERBS.issuperset(following[:1]):
        return False  # "and shows ...": still of the same thing
    return not VERBS.isdisjoint(before) and not VERBS.isdisjoint(following)


def _clauses(sentences: tuple[Sentence, ...]) -> Iterator[list[str]]:
    for sentence in sentences:
        clause: list[str] = []
        for i, word in enumerate((*sentence.whole, ",")):
            if word in _PARTS or (word == "and" and _has_own_verb(sentence.whole, i, clause)):
                if clause:
                    yield clause
                clause = []
            else:
                clause.append(word)
