"""Keys that never show: an endpoint may quote the one that it was sent, whole or cut off, in anything it says."""

from __future__ import annotations

import json

HIDDEN = "***"
# The first characters of a key that are taken for the key itself; fewer tell nothing, and may be a common word.
_HEAD = 6


class Secret:
    """A key, or none; `hide` takes it out of a text. Hide first and cut then: half a key is found less surely."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        # As it stands, and as Python and JSON quote it, one in the other: a detail is the repr of a reply's JSON.
        spellings = {value} if value else set()
        for _ in range(2):
            spellings |= {quoted for s in spellings for quoted in _quoted(s)}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN if self.value else None})"

    def hide(self, text: str) -> str:
        """`text` with *** for the key, and for every beginning of it of at least six characters."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        for spelling in self._spellings:
            text = _without_heads(text, spelling)
        return text


def _quoted(text: str) -> tuple[str, ...]:
    return repr(text)[1:-1], json.dumps(text)[1:-1], text.replace("/", r"\/")


def _without_heads(text: str, secret: str) -> str:
    head = secret[:_HEAD]
    if len(head) < _HEAD:
        return text
    pieces, position = [], 0
    while (start := text.find(head, position)) >= 0:
        end = start + _HEAD
        while end < len(text) and end - start < len(secret) and text[end] == secret[end - start]:
            end += 1
        pieces += [text[position:start], HIDDEN]
        position = end
    return "".join((*pieces, text[position:]))
