"""Our splitter (`mrpo.steps.splitter=rules`): the sentences of a think block; docs/steps.md says why.

One pass over the characters that can end a step: marks, line breaks, `<`, arrows, enclosed numbers. Each place is a
cut `(end, start)`: the step before ends at `end`, the next one starts at `start`, white space lies between. The
cost is linear in the length of the block, and no data file or installed package has a say.
"""

from __future__ import annotations

import re

from recipe.mrpo.rollout.full_stops import INVISIBLE, LONGEST_WORD, ends_sentence, ends_sentence_without_space
from recipe.mrpo.rollout.line_breaks import (
    after_space,
    arrow_starts_step,
    enclosed_starts_step,
    line_break_cuts,
    tags_at,
)
from recipe.mrpo.rollout.list_marks import join_marks
from recipe.mrpo.rollout.parsing import Span
from recipe.mrpo.rollout.word_lists import ABBREVIATIONS

MARKS = ".!?…"
# Full stops, question and exclamation marks of other scripts; they need no space after them.
WIDE = "。｡．！？।॥؟۔።։။។‼⁇⁈⁉⋯︒﹒﹖﹗᠃᠉༎"
CLOSERS = "\"'”’»)\\]}*_`」』）】》〉⁰¹²³⁴-⁹"
ARROWS = "→⇒➔➜⟶⟹>"
ENCLOSED = "①-⑳⓪❶-❿⓫-⓴㈠-㈩⑴-⒛"

_CANDIDATE = re.compile(
    rf"[{MARKS}{WIDE}\n<{ARROWS}{ENCLOSED}]"
    rf"(?:(?<=[{MARKS}{WIDE}])([{MARKS}{WIDE}]*)([{CLOSERS}{INVISIBLE}]*)\s*|(?<=\n)\s*)?"
)
_MORE_CLOSERS = re.compile(rf"(?:\^?\[\d[\d\s,;–-]{{0,20}}\]|\^\{{?\d{{1,3}}\}}?|[{CLOSERS}{INVISIBLE}])+")
_UNSEEN = re.compile(f"[{INVISIBLE}]+")
_UNSEEN_AT_END = re.compile(f"[{INVISIBLE}]+$")
_IS_WIDE = frozenset(WIDE)


def rule_steps(text: str, block: Span) -> list[Span]:
    """Character spans of the steps of `text[start:end]`: in order, disjoint, trimmed, no visible character left out.

    >>> text = "Findings: 1. Mass in the left lung. 2. No effusion, e.g. at the base.The heart is normal."
    >>> [text[a:b] for a, b in rule_steps(text, (0, len(text)))]
    ['Findings: 1. Mass in the left lung.', '2. No effusion, e.g. at the base.', 'The heart is normal.']
    """
    begin, stop = block
    start = after_space(text, begin, stop)
    pieces: list[Span] = []
    for found in _CANDIDATE.finditer(text, start, stop):
        at = found.start()
        if at < start:
            continue
        char = text[at]
        if char in MARKS:
            end, after = found.end(2), found.end()
            if end == at + 1 < after and char == ".":
                # The common case first: a word that is not an abbreviation, a full stop, white space.
                space = text.rfind(" ", max(start, at - LONGEST_WORD), at)
                word = text[space + 1 : at] if space >= 0 else ""
                if len(word) > 1 and word.isalpha() and word.lower() not in ABBREVIATIONS:
                    pieces.append((start, end))
                    start = after
                    continue
            cut = _cut_at_mark(text, start, stop, found)
        elif char == "\n":
            cut = line_break_cuts(text, start, stop, at, found.end(), after_mark=False)
        elif char == "<":
            cut = _cut_at_tag(text, start, stop, at)
        elif char in WIDE:
            cut = _cut_at_mark(text, start, stop, found)
        elif enclosed_starts_step(text, start, at) if char not in ARROWS else arrow_starts_step(text, start, at, stop):
            first = at - 1 if char == ">" else at
            cut = _trimmed(text, start, first), first
        else:
            continue
        if cut is not None:
            end, after = cut
            if start < end:
                pieces.append((start, end))
            start = after
    end = _trimmed(text, start, stop)
    if start < end:
        pieces.append((start, end))
    return join_marks(text, pieces)


def _cut_at_mark(text: str, start: int, stop: int, found: re.Match) -> tuple[int, int] | None:
    """The cut after a run of marks with closing quotes, brackets, references and tags, if the sentence ends there."""
    at, end, after = found.start(), found.end(2), found.end()
    marks, closers = found.group(1, 2)
    marks = text[at] + marks
    spaced = after > end or after >= stop
    if not spaced and closers:  # in place of a blank they belong to the next step
        closers = _UNSEEN_AT_END.sub("", closers)
        end = after = found.end(1) + len(closers)
    if not spaced and text[after] in "[<^":
        more = _MORE_CLOSERS.match(text, after, stop)
        if more is not None:
            closers += more.group()
            end = after = more.end()
        _, end, after, tagged = tags_at(text, after, stop, end)
        spaced = tagged or after > end or after >= stop
    if marks != "." and not _IS_WIDE.isdisjoint(marks):
        if marks == "．" and text[at - 1 : at].isdigit() and text[after : after + 1].isdigit():
            return None  # a decimal in full-width figures
        return end, after
    if not spaced:
        if marks == "." and text[after].isdigit() and text[at - 1].isdigit():
            return None  # a decimal
        ends = ends_sentence_without_space(text, start, stop, at, marks, after)
        return (end, after) if ends else None
    if ends_sentence(text, start, stop, at, marks, _UNSEEN.sub("", closers), after):
        return end, after
    if text.find("\n", end, after) >= 0:
        return line_break_cuts(text, start, stop, end, after, after_mark=True)
    return None


def _cut_at_tag(text: str, start: int, stop: int, at: int) -> tuple[int, int] | None:
    """The cut at `<br>`, `<p>`, `<li>` and their like; tags inside a sentence (`<b>`) are text."""
    if at == start:
        return None
    lines, end, after, _ = tags_at(text, at, stop, at)
    if not lines:
        return None
    if lines == 1 and line_break_cuts(text, start, stop, at, after, after_mark=False) is None:
        return None
    return (_trimmed(text, start, at), after) if end == at else (end, after)


def _trimmed(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
