"""Is the gold answer's word about the subject of the question? "The liver is enlarged, the spleen is normal" is no
answer "enlarged" to a question about the spleen.
"""

from __future__ import annotations

from collections.abc import Iterator

from reward_fns.answer.coverage.gold import Gold, Item, holds
from reward_fns.answer.coverage.reading import VERBS, Sentence
from reward_fns.answer.coverage.stems import stem_of

_PARTS = frozenset({",", ":", "(", ")", "while", "whereas", "but", "although", "though", "however"})
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
        elif about and says:
            of_another = True
    return of_another and bool(with_gold) and not any(with_gold)


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


def _clauses(sentences: tuple[Sentence, ...]) -> Iterator[list[str]]:
    for sentence in sentences:
        clause: list[str] = []
        for word in (*sentence.whole, ","):
            if word in _PARTS:
                if clause:
                    yield clause
                clause = []
            else:
                clause.append(word)
