"""Text of others on a terminal and in a log."""

from __future__ import annotations

import pytest

from recipe.mrpo.common.printable import printable


@pytest.mark.parametrize(
    ("text", "limit", "shown", "why"),
    [
        ("abc", None, "abc", "without a limit"),
        ("abc", 3, "abc", "just long enough"),
        ("abcd", 3, "ab…", "the mark counts"),
        ("\x1b[2J", None, "\\x1b[2J", "a terminal sequence"),
        ("ab\n\n", 4, "ab\\…", "an escape counts as it is shown"),
        (12345, 3, "12…", "any object"),
    ],
)
def test_a_text_is_one_line_of_at_most_so_many_characters(text, limit, shown, why):
    assert printable(text, limit) == shown, why
