"""`--split`: what another split lacks or holds is of no concern; and shards, of which none may be missing."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.unit.data.helpers import SAMPLES, draw, hf_image, read_rows, run, write_hf


@pytest.fixture
def slake(tmp_path):
    shutil.copytree(SAMPLES / "slake", tmp_path / "slake")
    return tmp_path / "slake"


def test_a_file_of_a_split_that_is_not_asked_for_may_be_missing(slake, tmp_path, capsys):
    (slake / "validation.json").unlink()
    assert run("slake", slake, tmp_path / "out") == 1
    assert "validation.json or validate.json is missing" in capsys.readouterr().err
    assert run("slake", slake, tmp_path / "out", "--split", "train") == 0
    assert run("slake", slake, tmp_path / "out", "--split", "validation") == 1


def test_bad_rows_of_a_split_that_is_not_asked_for_do_not_count(slake, tmp_path, capsys):
    (slake / "test.json").write_text("[3]")
    assert run("slake", slake, tmp_path / "out", "--split", "train") == 0
    assert run("slake", slake, tmp_path / "out", "--split", "train", "test") == 1
    assert "test.json, row 0: a record must be a JSON object" in capsys.readouterr().err


def test_a_bad_row_of_a_file_of_all_splits_counts_for_its_own(rad, capsys):
    def edit(records):
        records[0]["answer"] = " "

    rad.records(edit)
    first = json.loads((rad.folder / "VQA_RAD Dataset Public.json").read_text())[0]
    own = "test" if first["phrase_type"].startswith("test") else "train"
    other = {"test": "train", "train": "test"}[own]
    assert rad.convert("--split", other) == 0
    assert rad.convert("--split", own) == 1
    assert "row 0: answer is empty" in capsys.readouterr().err


def test_a_row_that_does_not_tell_its_split_counts_for_every_one(rad):
    rad.records(lambda records: [3, *records])
    assert rad.convert("--split", "test") == rad.convert("--split", "train") == 1


def test_a_record_that_is_listed_twice_is_told(slake, tmp_path, capsys):
    file = slake / "train.json"
    records = json.loads(file.read_text())
    english = next(number for number, record in enumerate(records) if record["q_lang"] == "en")
    file.write_text(json.dumps([*records, records[english]]))
    assert run("slake", slake, tmp_path / "out", "--split", "train") == 1
    assert f"row {len(records)}: the same record as row {english}, record_id" in capsys.readouterr().err
    assert run("slake", slake, tmp_path / "out", "--split", "train", "--skip-bad") == 0
    assert len(read_rows(tmp_path / "out" / "train.parquet")) == 10


def shard(folder, number, total):
    row = {"image": hf_image(draw("JPEG"), f"{number}.jpg"), "question": "What?", "answer": "liver"}
    write_hf(folder, f"data/test-{number:05d}-of-{total:05d}.parquet", [row])


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ([(0, 3), (2, 3)], "holds 2 of 3 files of its kind"),
        ([(0, 1), (0, 2), (1, 2)], "holds files of several versions"),
    ],
)
def test_a_download_that_is_not_whole_is_told(tmp_path, capsys, written, shards, message):
    for number, total in shards:
        shard(tmp_path / "hf", number, total)
    assert run("vqa_rad", tmp_path / "hf", tmp_path / "out") == 1
    assert message in capsys.readouterr().err and written() == []


def test_a_record_listed_twice_in_another_split_is_of_no_concern(rad):
    rad.records(lambda records: [*records, next(r for r in records if not r["phrase_type"].startswith("test"))])
    assert rad.convert("--split", "test") == 0
    assert rad.convert("--split", "train") == 1


def test_a_split_named_twice_is_one(rad):
    assert rad.convert("--split", "test", "test") == 0
