"""Pieces that alone state nothing ("1.", "II.", "Step 2:", "Findings:", "***") join the sentence after them."""

from __future__ import annotations

import re

from recipe.mrpo.rollout.line_breaks import NOUNS
from recipe.mrpo.rollout.parsing import Span
from recipe.mrpo.rollout.word_lists import MEASURED

WORDS_OF_MARK = 2
"""A piece that begins with a letter and has more spaces than this is a sentence."""

_NUMBER_WORD = r"one|two|three|four|five|six|seven|eight|nine|ten"
_NUMERAL = r"\d{1,3}(?:\.\d{1,2}){0,3}(?:\.?[a-z])?|(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})|[a-z]"
_ORDINAL = (
    r"first(?:ly)?|second(?:ly)?|third(?:ly)?|fourth|fifth|sixth|seventh|eighth|ninth|tenth|"
    r"\d{1,2}(?:st|nd|rd|th)|next|then|finally|lastly"
)
_MARK = re.compile(
    rf"(?:(?:{NOUNS}|q|no\.?)[\s#-]*(?:{_NUMBER_WORD}|{_NUMERAL})\b\s*[.):．：]*"  # Step 2: | Finding one. | Q1.
    rf"|(?:{_NUMERAL})\s*[.):．：、]+"  # 1. | II. | b) | 1.1.
    rf"|(?:{_ORDINAL})\s*[.:]"
    r"|(?:findings|impression|technique|comparison|history|indication|conclusion|assessment|diagnosis|reasoning|analysis"
    r"|discussion|summary|observations|interpretation)(?!\s*[^\W_])"
    r"|[a-z]{1,20}\s*[*_]{0,2}\s*[:：]|[^\W\d_a-z]{1,6}[:：]"  # Findings: | 结论：
    r"|[①-⑳⓪❶-❿⓫-⓴㈠-㈩⑴-⒛一二三四五六七八九十]+[.、．)）]?)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]")
_TAGS = re.compile(r"(?:</?[a-z][^<>]{0,60}>\s*)+", re.IGNORECASE)
_REST = re.compile(r"(?:</?[a-z][^<>]{0,60}>|[\W_])*", re.IGNORECASE)
_HEADING = re.compile(r"(?:\d{1,3}[.)]\s*)?(?:#{1,6}\s[^\n]*[^\s.!?。]|\*\*[^*\n]{1,60}[^*\n.!?。]\*\*:?)")
_FIRST_OF_LIST = re.compile(r"([^\W\d_][\w-]*)[*_]*(?:\s*[:：]|\s[-–—])[*_\s]*[(（]?(?:1|a|i)[.)]", re.IGNORECASE)


def join_marks(text: str, pieces: list[Span]) -> list[Span]:
    """Join pieces without a statement to the piece after them; at the end, without a letter, to the one before."""
    joined: list[Span] = []
    waiting: int | None = None
    for start, end in pieces:
        # First what most pieces are, a sentence of several words; the regular expressions look at the others.
        words = text[start].isalpha() and text.count(" ", start, end) > WORDS_OF_MARK and text[end - 2] not in "1aiAI"
        if words or not _is_mark(text, start, end):
            joined.append((start if waiting is None else waiting, end))
            waiting = None
        elif waiting is None:
            waiting = start
    if waiting is not None:
        last = pieces[-1][1]
        if joined and not any(map(str.isalpha, text[waiting:last])):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((waiting, last))
    return joined


def _is_mark(text: str, start: int, end: int) -> bool:
    """Is this piece only the mark of a list, a heading or punctuation?"""
    tags = _TAGS.match(text, start, end) if text[start] == "<" else None
    word = _WORD.search(text, tags.end() if tags else start, end)
    if word is None:
        return True
    mark = _MARK.match(text, word.start(), end)
    if mark is not None and _REST.fullmatch(text, mark.end(), end):
        return True
    if text[start] in "#*123456789" and _HEADING.fullmatch(text, start, end):
        return True
    return text[end - 1] in ".)" and _opens_list(text, start, end)


def _opens_list(text: str, start: int, end: int) -> bool:
    """Does it end in the first mark of a list, as "Findings: 1." does, and not in a value, as "Grade: 1." does?"""
    found = _FIRST_OF_LIST.search(text, max(start, end - 40), end)
    return found is not None and found.end() == end and found.group(1).lower() not in MEASURED
