"""Laws of recipe.mrpo.options.page: where an option's meaning and default are read from."""

from __future__ import annotations

from recipe.mrpo.options.page import page, rows
from recipe.mrpo.options.tree import OPTIONS_FILE

TEXT = """\
# For readers of the file.

# --- one (file.py) ---
# Above, on
# two lines.
group:  # behind a group
  a: 1  # behind
  # Of b.
  b: [x, y]  # and more
  c:
    - p
    - q
d: "# no comment"
e: {}
"""


def test_a_meaning_stands_right_above_an_option_and_behind_it():
    assert [(row.name, row.default, row.comment) for row in rows(TEXT)] == [
        ("", "", "one (file.py)"),
        ("group", "", "Above, on two lines. behind a group"),
        ("group.a", "1", "behind"),
        ("group.b", "[x, y]", "Of b. and more"),
        ("group.c", "[p, q]", ""),
        ("d", '"# no comment"', ""),
        ("e", "{}", ""),
    ]


def test_a_cell_holds_no_column_mark():
    assert "| `a` | `1` | x \\| y |" in page("a: 1  # x | y\n")


EXPLAINED_ABOVE = {  # by the heading, or by the group that it stands in
    "gdpo", "steps", "judge", "metrics", "guards", "images", "evaluate",
    "weight", "enabled", "rouge1", "bleu1", "bertscore", "early", "mid", "prompt", "completion", "requests_per_minute",
    "encoder", "encoder_layer", "encoder_device", "encoder_batch_size", "encoder_cache",  # those of semantic
}  # fmt: skip


def test_every_other_option_has_a_meaning():
    silent = {row.name.rpartition(".")[2] for row in rows(OPTIONS_FILE.read_text()) if not row.comment}
    assert silent - EXPLAINED_ABOVE == set()


def test_no_line_of_the_options_file_is_too_long_to_read():
    assert [line for line in OPTIONS_FILE.read_text().splitlines() if len(line) > 120] == []
