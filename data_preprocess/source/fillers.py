"""Fillers: texts that stand for a missing value. None of them may become a question, a gold answer or a fact.

Decided kind by kind:

    empty, white space, zero-width and other invisible characters       missing: there is nothing to read
    only punctuation (`-`, `?`, `…`)                                    missing; `+` is a sign and stays
    nan, NaN, <NA>, NaT, #N/A, null, NULL, n/a, N/A, NA                  missing: pandas, R, Excel, SQL and JSON write
                                                                        these for an empty cell
    inf, -inf, Infinity (also as numbers)                               missing: results of a division by 0
    none, None, nil, no, zero, unknown, undefined, Na                   stay: they answer questions ("How many masses?
                                                                        None."; Na is sodium)
"""

from __future__ import annotations

import unicodedata

MISSING = frozenset(
    (
        "nan", "-nan", "+nan", "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind",
        "<na>", "nat", "#n/a", "#n/a n/a", "#na", "n/a", "<n/a>", "n.a.", "null", "<null>", "(null)",
        "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "1.#inf", "-1.#inf",
    )
)  # fmt: skip
"""In lower case; compared with the whole text in any letter case."""
MISSING_AS_WRITTEN = frozenset(("NA",))
"""In this letter case only."""
_BLANKS = frozenset("\u2800\u3164\u115f\u1160\uffa0")
"""Characters that Unicode counts as letters or symbols and fonts draw as nothing."""


def is_filler(text: str) -> bool:
    """Does the text stand for a missing value?"""
    folded = text.strip().lower()
    return folded in MISSING or text.strip() in MISSING_AS_WRITTEN or not any(map(_says_something, text))


def _says_something(character: str) -> bool:
    """Letters, digits and symbols do; marks, punctuation, separators and control characters do not."""
    return unicodedata.category(character)[0] in "LNS" and character not in _BLANKS
