"""What `--help` of a command says: every option has words, and a default is one that a person could type."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from recipe.mrpo.cli import DELEGATES, main

COMMANDS = [
    ["doctor"],
    ["doctor", "--plan"],
    ["doctor", "--run"],
    ["judge", "audit"],
    ["judge", "distil"],
    *(["judge", "cache", action] for action in ("stats", "export", "prune")),
    *([name] for name in DELEGATES if name not in ("data", "judge")),
    *(["data", name] for name in ("vqa_rad", "own", "all", "report", "sample", "annotate")),
]
MODULES = ("recipe.mrpo.worlds.chain", "recipe.mrpo.worlds.drawn", "recipe.mrpo.worlds.evidence",
           "recipe.mrpo.quickstart", "recipe.mrpo.tiny")  # fmt: skip


def without_words(text: str) -> list[str]:
    """Options of a help text that have nothing beside or below them."""
    lines = text.splitlines()
    bare = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.match(r"  -", line) and not re.match(r"  \S.*?\s{2,}\S", line) and not re.match(r" {10,}\S", below):
            bare.append(line.strip())
    return bare


def check(text: str) -> None:
    assert "usage:" in text
    assert not re.search(r"default: (None|False|\)|\(\)|\[)", text)
    assert without_words(text) == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_words_for_every_option(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    try:
        status = main([*words, "--help"])
    except SystemExit as leave:
        status = leave.code
    assert not status
    check(capsys.readouterr().out)


@pytest.mark.parametrize("module", MODULES)
def test_help_of_a_module_has_words_for_every_option(module, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as leave:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert not leave.value.code
    check(capsys.readouterr().out)


def test_an_option_without_words_is_found():
    text = "  -h, --help  show this\n  --out OUT\n  --long-name-of-an-option N\n" + " " * 22 + "words\n"
    assert without_words(text) == ["--out OUT"]


def test_examples_keep_their_lines(capsys):
    for command in ("score", "compare"):
        main([command, "--help"])
        assert f"\n    mrpo {command} runs/" in capsys.readouterr().out
