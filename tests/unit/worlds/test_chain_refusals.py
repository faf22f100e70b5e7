"""Wrong words of `python -m recipe.mrpo.worlds.chain` end before a run begins, in one sentence."""

from __future__ import annotations

import pytest

from recipe.mrpo.worlds.chain import experiment
from recipe.mrpo.worlds.chain.experiment import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--seeds 1", "--seeds must be at least 2, not 1"),  # a paired interval needs two
        ("--updates 0", "--updates must be at least 1"),
        ("--rollouts 1", "--rollouts must be at least 2"),  # a group of one has advantage 0
        ("--cascade 3", "--cascade must be in [0, 1], not 3"),
        ("--lr -1", "--lr must be above 0"),
        ("--arms mpro", "unknown arm mpro"),
    ],
)
def test_a_wrong_number_is_named(tmp_path, capsys, words, said):
    with pytest.raises(SystemExit) as leave:
        main([*words.split(), "--out", str(tmp_path / "x.jsonl")])
    assert leave.value.code == 2 and said in capsys.readouterr().err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"hello\n", b"\x89PNG\r\n\x1a\n", b'{"a": 1}\n', b"[1]\n", None])
def test_a_file_of_another_kind_is_named(tmp_path, capsys, content):
    """None: a folder is in its place."""
    out = tmp_path / "x.jsonl"
    out.mkdir() if content is None else out.write_bytes(content)
    assert main(["--arms", "mrpo", "--lr", "0.004", "--updates", "1", "--seeds", "2", "--out", str(out)]) == 2
    assert f"--out {out} cannot be used" in capsys.readouterr().err


def test_a_fault_of_a_run_is_not_told_as_one_of_the_file(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("a fault of the run")

    monkeypatch.setattr(experiment, "run", broken)
    with pytest.raises(ValueError, match="a fault of the run"):
        main(["--arms", "mrpo", "--lr", "0.004", "--updates", "1", "--seeds", "2", "--out", str(tmp_path / "x.jsonl")])
