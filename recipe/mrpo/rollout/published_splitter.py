"""The splitter of the released code, for comparison (`mrpo.steps.splitter=reference`).

It splits by one regular expression, then joins a piece that is only a number and a full stop to the piece after it.
It does so once: in "1. 2. Mass." the first number joins the second one and "Mass." stays alone. So it breaks after
"e.g.", "Fig." and "Dr.", and not at line breaks, list items or full stops of other scripts. Source: arXiv 2606.31825,
released code.
"""

from __future__ import annotations

import re

from recipe.mrpo.rollout.parsing import Span

_BETWEEN = re.compile(r"(?<=[.!?])\s+(?=\S)")
_NUMBER = re.compile(r"\d+\.")


def published_steps(text: str, block: Span) -> list[Span]:
    """Character spans of the steps of `text[start:end]`, in order, trimmed of white space."""
    begin, stop = block
    inside = text[begin:stop]
    end = begin + len(inside.rstrip())
    start = begin + len(inside) - len(inside.lstrip())
    if start >= end:
        return []
    pieces: list[Span] = []
    for found in _BETWEEN.finditer(inside):
        if start < begin + found.start():
            pieces.append((start, begin + found.start()))
            start = begin + found.end()
    pieces.append((start, end))
    return _numbers_joined(text, pieces)


def _numbers_joined(text: str, pieces: list[Span]) -> list[Span]:
    joined: list[Span] = []
    waiting: int | None = None
    for start, end in pieces:
        if waiting is not None:
            joined.append((waiting, end))
            waiting = None
        elif _NUMBER.fullmatch(text, start, end):
            waiting = start
        else:
            joined.append((start, end))
    if waiting is not None:
        joined.append((waiting, pieces[-1][1]))
    return joined
