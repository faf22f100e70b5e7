"""evaluate/phases/log.py: the newest line of an id counts, a torn last line is done again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.evaluate.phases.log import AppendLog


def opened(path, **more):
    return AppendLog(path, failed=lambda row: row.get("output") is None, **more)


def line(name="a", input_hash="h", output="yes", **more):
    return {"id": name, "input_hash": input_hash, "output": output, **more}


def test_the_newest_line_of_an_id_counts(tmp_path):
    with opened(tmp_path / "f.jsonl") as log:
        log.append(line(output="no"))
        log.append(line(output="yes"))
        assert log.row("a")["output"] == "yes" and len(log) == 1
    with opened(tmp_path / "f.jsonl", writable=False) as log:
        assert [row["output"] for row in log.rows()] == ["yes"]


def test_done_means_this_input_without_a_failure(tmp_path):
    with opened(tmp_path / "f.jsonl") as log:
        log.append(line("ok"))
        log.append(line("broken", output=None))
        assert log.done("ok", "h")
        assert not log.done("ok", "other input") and not log.done("broken", "h") and not log.done("absent", "h")


def test_a_torn_last_line_is_cut_off_before_anything_is_appended(tmp_path, caplog):
    file = tmp_path / "f.jsonl"
    whole = json.dumps(line("a")) + "\n"
    for cut in range(1, len(whole)):
        file.write_text(whole + json.dumps(line("b"))[:cut])
        with opened(file) as log:
            assert not log.done("b", "h") and log.torn == cut
            log.append(line("c"))
        assert [json.loads(text)["id"] for text in file.read_text().splitlines()] == ["a", "c"]
    assert "cut off" in caplog.text


def test_a_line_that_is_no_row_is_told_and_left_out(tmp_path, caplog):
    file = tmp_path / "f.jsonl"
    file.write_text('garbage\n[1]\n{"id": 3, "input_hash": "h"}\n' + json.dumps(line()) + "\n")
    with opened(file) as log:
        assert len(log) == 1 and log.done("a", "h")
    assert [f"f.jsonl:{n}" in caplog.text for n in (1, 2, 3, 4)] == [True, True, True, False]


@given(text=st.text(st.characters(), max_size=40))
def test_any_text_of_a_model_comes_back(text, tmp_path_factory):
    """Line separators, NUL, halves of surrogate pairs: one line each, and the same text."""
    file = tmp_path_factory.mktemp("log") / "f.jsonl"
    with opened(file) as log:
        log.append(line("a", output=text))
        log.append(line("b", output=text + "\ud800"))
    assert file.read_bytes().count(b"\n") == 2
    with opened(file) as log:
        assert log.row("a")["output"] == text and log.row("b")["output"] == text + "\ud800"


def test_a_number_that_is_none_never_gets_into_the_file(tmp_path):
    with opened(tmp_path / "f.jsonl") as log, pytest.raises(ValueError, match="JSON"):
        log.append(line(value=float("nan")))
    assert (tmp_path / "f.jsonl").read_bytes() == b""
