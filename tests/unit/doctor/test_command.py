"""`mrpo doctor` as a command: a healthy machine, its options and its help."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recipe.mrpo.cli import main
from recipe.mrpo.options.command_line import read_options
from recipe.mrpo.options.tree import OptionError


def test_a_healthy_machine_passes(doctor, data, model, port, tmp_path):
    code, found = doctor(
        "mrpo.judge.name=openai", f"mrpo.judge.openai.base_url=http://127.0.0.1:{port}/v1",
        "mrpo.judge.openai.model=judge-8b", "--only", "versions", "device", "disk", "judge", "data", "model",
        "--data", data, "--model", model(), "--output", tmp_path, "--min-disk-gb", "0.001", "--min-shm-gb", "0.001",
    )  # fmt: skip
    assert {name: check["says"] for name, check in found.items() if check["ok"] is not True} == {}
    assert code == 0
    assert set(found) == {"versions", "device", "disk", "shared memory", "judge", "data", "model"}
    assert "judge-8b on this machine answers" in found["judge"]["says"]
    rows = pq.ParquetFile(data).metadata.num_rows
    assert f"{rows} rows, {rows} with gold reasoning" in found["data"]["says"]


@pytest.mark.parametrize("option", ["mrpo.gold_reasoning=optional", "+mrpo.gold_reasoning=optional",
                                    "++mrpo.gold_reasoning=optional"])  # fmt: skip
@pytest.mark.parametrize("place", range(4))
def test_options_may_stand_anywhere(doctor, data, tmp_path, place, option):
    file = tmp_path / "train.parquet"
    rows = pq.read_table(data).to_pylist()
    rows[0]["extra_info"]["gold_reasoning"] = None
    pq.write_table(pq.read_table(data).from_pylist(rows, schema=pq.read_schema(data)), file)
    words = [["--only", "data"], ["--data", file], ["--rows", "1"]]
    words.insert(place, [option])
    code, found = doctor(*(word for part in words for word in part))
    assert code == 0 and list(found) == ["data"]


def test_a_file_whose_name_begins_like_an_option_is_a_file(doctor, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("mrpo.rows.parquet")
    file.write_bytes(data.read_bytes())
    assert doctor("--only", "data", "--data", file)[0] == 0


def test_a_wrong_option_is_told_and_nothing_is_checked_with_other_options(doctor):
    code, found = doctor("--only", "judge", "data", "mrpo.judge.openai.base_url=http://me:secret@127.0.0.1/v1")
    assert code == 1 and "holds a password" in found["options"]["says"]
    assert found["judge"]["ok"] is None and found["data"]["ok"] is None
    assert "secret" not in json.dumps(found)


def test_a_mistyped_option_is_one_more_failed_check(doctor):
    code, found = doctor("mrpo.judge.nam=openai", "--only", "device")
    assert code == 1 and "did you mean mrpo.judge.name?" in found["options"]["says"]
    with pytest.raises(OptionError, match="trainer is not an option of MRPO"):
        read_options(["trainer.nnodes=2"])


def test_a_check_that_breaks_does_not_hide_the_others(doctor, tmp_path):
    code, found = doctor("--only", "versions", "device", "--pins", tmp_path / "absent.txt")
    assert code == 1
    assert "the check itself failed: FileNotFoundError" in found["versions"]["says"]
    assert found["device"]["ok"] is True


def test_help_tells_every_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    options = capsys.readouterr().out.split("\n  --")[1:]
    silent = {option.split()[0] for option in options if "(default: " not in option}
    assert silent == {"data", "model", "json"}  # without them nothing is read, and text is printed


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [
        (["methods", "grpo"], 0, "mrpo.shaping=none"),
        (["backbones", "llava"], 2, "backbone 'llava' is unknown"),
        (["data"], None, "vqa_rad"),
    ],
)
def test_the_other_words_go_to_their_own_modules(words, code, printed, capsys):
    before = list(sys.argv)
    result = main(words)
    out = capsys.readouterr()
    assert printed in out.out + out.err
    assert code is None or result == code
    assert sys.argv == before


def test_a_word_whose_module_has_no_command_says_so(capsys, monkeypatch):
    monkeypatch.setitem(__import__("recipe.mrpo.cli", fromlist=["DELEGATES"]).DELEGATES, "judge", "reward_fns")
    assert main(["judge"]) == 2
    assert "reward_fns has no command line in this version" in capsys.readouterr().err
