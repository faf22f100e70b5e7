"""Reasoning steps: the sentences inside the think block, as character spans.

A step is a sentence. Abbreviations, decimals, initials and species names stay whole, a bare list number joins the
sentence after it, and nothing here depends on a data file or on what happens to be installed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from recipe.mrpo.rollout.parsing import Parsed, Span, parse

__all__ = ["SPLITTERS", "UNCLOSED", "Parsed", "Step", "parse", "split_steps"]


class Step(NamedTuple):
    """`text[start:end]` is the sentence; `text[lead:start]` is the white space between it and what comes before."""

    start: int
    end: int
    lead: int


# Never end a sentence: something always follows them.
_BEFORE_A_NAME = {"dr", "drs", "mr", "mrs", "ms", "prof", "rev", "hon", "gen", "col", "capt", "sgt", "st"}
_BEFORE_A_CLAUSE = {
    "e.g",
    "i.e",
    "eg",
    "ie",
    "vs",
    "v.s",
    "cf",
    "viz",
    "approx",
    "ca",
    "incl",
    "esp",
    "var",
    "subsp",
    "rt",
    "lt",
}
_NEVER_ENDS = _BEFORE_A_NAME | _BEFORE_A_CLAUSE
# Abbreviations only in front of a number or a label ("Fig. 2", "No. 5"); otherwise a word that may end a sentence.
_BEFORE_A_NUMBER = {
    "fig", "figs", "no", "nos", "eq", "eqs", "ref", "refs", "sec", "ch", "chap", "vol", "p", "pp", "tab", "art", "nr",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
}  # fmt: skip
# End a sentence only if the next one begins like one.
_MAY_END = {
    "etc",
    "jr",
    "sr",
    "inc",
    "ltd",
    "co",
    "corp",
    "dept",
    "a.m",
    "p.m",
    "resp",
    "max",
    "min",
    "wt",
    "ht",
    "pt",
    "temp",
    "sp",
    "spp",
}
# After a number, before a word that opens no sentence ("5 mg. daily").
_UNITS = {
    "mg",
    "g",
    "kg",
    "ml",
    "l",
    "dl",
    "mm",
    "cm",
    "m",
    "hr",
    "hrs",
    "wk",
    "wks",
    "yr",
    "yrs",
    "sec",
    "in",
    "ft",
    "oz",
    "lb",
}
_ABBREVIATIONS = _NEVER_ENDS | _BEFORE_A_NUMBER | _MAY_END | _UNITS | {"al"}
# Words that open a sentence even after an initial or an acronym ("… hepatitis C. The liver …").
_OPENERS = frozenset(
    "the this that these those it its there here in on at a an no not so thus therefore however hence overall given "
    "since because as if when while although though but and or we i you he she they both all each neither none based "
    "after before with without from for by to final finally first second third next then also additionally furthermore "
    "moreover considering looking among another other our my is are was were".split()
)

_QUOTES = "\"'”’»"
_CLOSERS = "\"'”’»)\\]}*_`」』）"
_ITEM = r"(?:[-*•–—+]\s|\(?\d{1,3}[.)]\s|\(?[a-zA-Z]\)\s|[A-Z]\.\s|(?:step|Step|STEP)\s+\d{1,3}\b)"
# `mark` begins where its run of marks does, or a run that ends no sentence would be tried from each of its characters.
_CANDIDATE = re.compile(
    rf"(?P<blank>\n[^\S\n]*\n)|(?P<item>\n(?=[^\S\n]*[*_]{{0,2}}{_ITEM}))"
    rf"|(?P<mark>(?<![.!?…])[.!?…]+)(?P<close>[{_CLOSERS}]*)(?=\s|$)|(?P<wide>[。！？｡]+[{_CLOSERS}]*)"
)
_ALWAYS = ("blank", "item", "wide")
_LONGEST_WORD = 24
"""Characters before a full stop that are looked at; a longer word is no abbreviation."""
_LAST_WORD = re.compile(r"[^\W_]+(?:[.][^\W_]+)*$")
_NEXT_WORD = re.compile(r"[^\w\s]*\s*(\w+)?")
_NUMBER_OR_LABEL = re.compile(r"\s+(?:\d|#|[IVX]+\b|[A-Z]\b(?!\s+[a-z]+\s+(?:is|are|was)))")
_AFTER_NUMBER = re.compile(r"\d\s?[a-z]+\.$")
_HEADER = re.compile(r"[\W_]*(?:step\s*)?(?:\d{1,3}|[a-z])[.):][\W_]*", re.IGNORECASE)
_REFERENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")


def _ends_sentence(text: str, block: Span, found: re.Match) -> bool:
    """Does this run of `.`, `!` or `?` (with its closing quotes and brackets) end a sentence?"""
    mark, closers = found.group("mark", "close")
    if mark == "." and not closers:
        # The common case first: a plain lower-case word that is no abbreviation.
        at = found.start()
        space = text.rfind(" ", max(block[0], at - _LONGEST_WORD), at)
        head = text[space + 1 : at] if space >= 0 else ""
        if len(head) > 1 and head.islower() and head.isalpha() and head not in _ABBREVIATIONS:
            return True
    following = _NEXT_WORD.match(text, found.end(), block[1]).group(1) or ""
    next_is_lower = following[:1].islower()
    if next_is_lower and any(c in _QUOTES for c in closers):
        return False  # a quotation inside a sentence
    if "!" in mark or "?" in mark:
        return True
    if mark != ".":  # an ellipsis
        return not next_is_lower
    if closers:
        return True
    word = _LAST_WORD.search(text, max(block[0], found.start() - _LONGEST_WORD), found.start())
    return word is None or _period_ends(word.group(), following, next_is_lower, text, found.end(), block[1])


def _period_ends(word: str, following: str, next_is_lower: bool, text: str, end: int, stop: int) -> bool:
    """Does a full stop after `word` end a sentence that `following` may begin?"""
    lower = word.lower()
    if lower in _NEVER_ENDS:
        return False
    if lower in _UNITS and next_is_lower and _AFTER_NUMBER.search(text, max(0, end - 16), end):
        return following in _OPENERS
    if lower in _BEFORE_A_NUMBER:
        return not _NUMBER_OR_LABEL.match(text, end, stop)
    if lower in _MAY_END:
        return not next_is_lower and not following[:1].isdigit()
    initial = len(word) == 1 and word.isalpha() and word.isupper()  # S. aureus, J. R. Smith; but also hepatitis C.
    acronym = "." in word and all(len(part) <= 2 and part.isalpha() for part in word.split("."))  # U.S., Ph.D.
    if initial or acronym or lower == "al":
        return not next_is_lower and following.lower() in _OPENERS
    return True


def _cuts(text: str, block: Span) -> list[int]:
    return [
        found.end()
        for found in _CANDIDATE.finditer(text, *block)
        if found.lastgroup in _ALWAYS or _ends_sentence(text, block, found)
    ]


def _reference_cuts(text: str, block: Span) -> list[int]:
    return [block[0] + found.start() for found in _REFERENCE.finditer(text[slice(*block)])]


def _pieces(text: str, block: Span, cuts: list[int]) -> list[Span]:
    """Stretches between cuts, white space trimmed, empty ones dropped."""
    out = []
    for a, b in zip([block[0], *cuts], [*cuts, block[1]], strict=True):
        raw = text[a:b]
        body = raw.strip()
        if body:
            start = a + len(raw) - len(raw.lstrip())
            out.append((start, start + len(body)))
    return out


def _join_headers(text: str, pieces: list[Span]) -> list[Span]:
    """A bare number ("1.", "Step 2:") or a piece without any letter joins the sentence after it, or the last one."""
    out: list[Span] = []
    pending: int | None = None
    for start, end in pieces:
        body = text[start:end]
        bare = _HEADER.fullmatch(body) is not None or not any(map(str.isalnum, body))
        first = start if pending is None else pending
        if bare:
            pending = first
            last = end
        else:
            out.append((first, end))
            pending = None
    if pending is not None:
        if out and not any(map(str.isalpha, text[pending:last])):
            out[-1] = (out[-1][0], last)
        else:
            out.append((pending, last))
    return out


SPLITTERS = ("rules", "reference")
UNCLOSED = ("none", "keep")


def split_steps(parsed: Parsed, *, splitter: str, unclosed: str) -> list[Step]:
    """Split the reasoning of a completion into steps, K = len(result).

    `splitter`: "rules" (this module) or "reference" (the regex `(?<=[.!?])\\s+(?=\\S)` of the published code).
    `unclosed`: "none" gives a block that never closes no steps, "keep" splits it like any other.
    Spans are in order, disjoint, trimmed of white space and inside a think block; blocks are numbered on.

    Raises ValueError for an unknown `splitter` or `unclosed`. Why the splitter is ours: docs/architecture.md.
    """
    if splitter not in SPLITTERS:
        raise ValueError(f"mrpo.steps.splitter={splitter!r} is unknown; choose one of {', '.join(SPLITTERS)}.")
    if unclosed not in UNCLOSED:
        raise ValueError(f"mrpo.steps.unclosed={unclosed!r} is unknown; choose one of {', '.join(UNCLOSED)}.")
    text = parsed.text
    blocks = list(parsed.think)
    if unclosed == "keep" and parsed.open_think is not None:
        blocks.append(parsed.open_think)
    steps: list[Step] = []
    for block in blocks:
        if splitter == "reference":
            pieces = _pieces(text, block, _reference_cuts(text, block))
        else:
            pieces = _join_headers(text, _pieces(text, block, _cuts(text, block)))
        lead = block[0]
        for start, end in pieces:
            steps.append(Step(start, end, lead))
            lead = end
    return steps
