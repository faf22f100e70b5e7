"""Text of a model, an endpoint or a file as a terminal and a log may show it."""

from __future__ import annotations


def printable(text: object, limit: int | None = None) -> str:
    r"""`text` on one line, with an escape for every character that is not printable.

    A longer text than `limit` characters is cut to them; the last one then is "…".

    Line breaks, terminal sequences, invisible, directional and unassigned characters and halves of surrogate pairs
    show as \n, \x1b, \u200b and so on; letters of all scripts stay.

    >>> printable("a\x1b[2J\nERROR forged")
    'a\\x1b[2J\\nERROR forged'
    """
    said = str(text) if limit is None else str(text)[: limit + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said)
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 1]}…"
