"""Text of a model, an endpoint or a file as a terminal and a log may show it."""

from __future__ import annotations


def printable(text: object, limit: int | None = None) -> str:
    r"""`text` on one line, at most `limit` characters, with an escape for every character that is not printable.

    Line breaks, terminal sequences, invisible, directional and unassigned characters and halves of surrogate pairs
    show as \n, \x1b, \u200b and so on; letters of all scripts stay.

    >>> printable("a\x1b[2J\nERROR forged")
    'a\\x1b[2J\\nERROR forged'
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return shown if limit is None else shown[:limit]
