"""A key that no text shows, although an endpoint may quote it in whole or in part."""

from __future__ import annotations

import base64
import html
import json
from typing import NoReturn
from urllib.parse import quote

HIDDEN = "***"
_WINDOW = 6
"""So many characters of a key in a row are hidden like the key; fewer reveal nothing, and may be a common word."""


class Secret:
    """A key, or none; `hide` takes it out of a text. Redact before truncating: a truncated key may no longer match."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self._windows: frozenset[str] = frozenset()
        if value:
            self._windows = _windows(_quoted(value), _WINDOW) | _windows(_encoded(value), 2 * _WINDOW)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN if self.value else None})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled; pass on the name of its environment variable")

    def hide(self, text: str) -> str:
        """`text` with *** for every six characters or more of the key in a row, in either case.

        The same holds for the key as Python, JSON, HTML and URLs quote it, and for 12 characters of it in base64 or
        hexadecimal digits.
        """
        if not self._windows:
            return text
        # Character by character: a few letters become two in lower case, and the places must stay.
        lower = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
        covered = bytearray(len(text))
        for size in {len(window) for window in self._windows}:
            for start in range(len(text) - size + 1):
                if lower[start : start + size] in self._windows:
                    covered[start : start + size] = b"\1" * size
        return _without(text, covered)


def _quoted(text: str) -> set[str]:
    # As it stands, and as Python and JSON quote it, one in the other: a detail is the repr of a reply's JSON.
    spellings = {text}
    for _ in range(2):
        spellings |= {q for s in spellings for q in (repr(s)[1:-1], json.dumps(s)[1:-1], s.replace("/", r"\/"))}
    return spellings | {quote(text, safe=""), html.escape(text), text[::-1]}


def _encoded(text: str) -> set[str]:
    found = {text.encode().hex()}
    for before in range(3):  # base64 of a longer text depends on where the key begins in it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * before + text.encode()).decode().strip("=")[2 * before : -2])
    return {s for s in found if len(s) >= 2 * _WINDOW}


def _windows(spellings: set[str], size: int) -> frozenset[str]:
    lower = [s.lower() for s in spellings]
    return frozenset(s[i : i + size] for s in lower for i in range(max(1, len(s) - size + 1)))


def _without(text: str, covered: bytearray) -> str:
    pieces, position = [], 0
    while (start := covered.find(1, position)) >= 0:
        end = covered.find(0, start)
        pieces += [text[position:start], HIDDEN]
        position = end if end >= 0 else len(text)
    return "".join((*pieces, text[position:]))
