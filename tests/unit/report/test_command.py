"""`mrpo report`: what cannot be shown or written is refused at once, in one sentence that names it."""

from __future__ import annotations

import sys

import pytest

from recipe.mrpo.report.__main__ import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone"], "gone does not exist"),
        (["gone", "--html", "x.html"], "gone does not exist"),
        (["dump.jsonl"], "dump.jsonl is a file; give the run's folder, or --html FILE"),
        (["run", "--svg", "no/x.svg"], "--svg must be a file in a folder that exists, not no/x.svg"),
    ],
)
def test_a_wrong_path_is_named(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "dump.jsonl").touch()
    monkeypatch.setattr(sys, "argv", ["mrpo report", *words])
    assert main() == 1
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and out == ""
