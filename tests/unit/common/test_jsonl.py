"""Laws of recipe.mrpo.common.jsonl: what ends a line, and what is left out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.common.jsonl import numbered_rows, read_jsonl


def read(file, data: bytes):
    file.write_bytes(data)
    told = []
    return list(numbered_rows(file, left_out=told.append)), told


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_separator_inside_a_text_ends_no_line(tmp_path, separator):
    rows = [{"text": f"one{separator}two"}, {"text": separator}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert read(tmp_path / "x.jsonl", lines.encode()) == ([(1, rows[0]), (2, rows[1])], [])


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=20), max_size=3), max_size=5))
def test_what_was_written_is_read(tmp_path_factory, rows):
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_bytes(lines.encode("utf-8", "surrogatepass"))
    if lines.encode("utf-8", "replace") == lines.encode("utf-8", "surrogatepass"):
        assert list(read_jsonl(file)) == rows


def test_wherever_a_killed_process_cut_the_last_line_the_others_are_read_and_the_loss_is_told(tmp_path):
    whole = json.dumps({"text": "first"}).encode() + b"\n"
    last = json.dumps({"text": "Lungenödem, \u2028 肺"}, ensure_ascii=False).encode()
    for cut in range(1, len(last)):
        rows, told = read(tmp_path / "x.jsonl", whole + last[:cut])
        assert rows == [(1, {"text": "first"})]
        assert told == [f"{tmp_path}/x.jsonl:2: the last line is cut off and was left out"]
    assert read(tmp_path / "x.jsonl", whole + last) == ([(1, {"text": "first"}), (2, json.loads(last))], [])


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b'{"a": 1}\nbroken\n{"a": 2}\n', 2, "not JSON"),
        (b'{"a": 1}\nbroken\n', 2, "not JSON: it was written to its end"),
        (b'{"a": "\xff"}\n{}\n', 1, "not UTF-8"),
        (b"[1, 2]\n", 1, "a list"),
        (b'{"a": 1}\n\nnull\n', 3, "null; a blank line counts"),
        (b"[" * 100_000 + b"\n", 1, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", 1, "an integer that Python does not read"),
    ],
)
def test_another_broken_line_is_one_sentence_with_file_and_line(tmp_path, data, line, why):
    with pytest.raises(ValueError, match=rf"x\.jsonl:{line} is ") as caught:
        read(tmp_path / "x.jsonl", data)
    assert "\n" not in str(caught.value), why


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path):
    assert read(tmp_path / "x.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": 2}') == ([(1, {"a": 1}), (4, {"a": 2})], [])
    assert read(tmp_path / "x.jsonl", b"") == ([], [])
