"""No command overwrites what it reads; what it leaves out or finds beside its files is said."""

from __future__ import annotations

import csv
import json
import os
import shutil

import pytest
import yaml

from data_preprocess.__main__ import main
from tests.unit.data.helpers import SAMPLES, VQA_RAD, draw, hf_image, run, write_hf


@pytest.fixture
def rad_files(tmp_path):
    run("vqa_rad", VQA_RAD, tmp_path / "rad")
    return tmp_path / "rad"


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def hf(folder, name: str = "train.parquet") -> None:
    write_hf(folder, name, [{"image": hf_image(draw()), "question": "a?", "answer": "b"}])


@pytest.mark.parametrize(
    ("inside", "out"),
    [
        ("train.parquet", "."),
        ("data/train.parquet", "data"),
        ("data/train.parquet", "."),
        ("data/train-00000-of-00001.parquet", "data"),
    ],
)
def test_a_download_is_not_written_into(tmp_path, capsys, inside, out):
    hf(tmp_path / "in", inside)
    before = contents(tmp_path / "in")
    assert run("vqa_rad", tmp_path / "in", tmp_path / "in" / out) == 1
    assert "name another" in capsys.readouterr().err and contents(tmp_path / "in") == before


def test_the_folder_of_a_mapping_and_one_below_the_source_may_be_written_into(tmp_path):
    hf(tmp_path / "in", "data/train.parquet")
    assert run("vqa_rad", tmp_path / "in", tmp_path / "in" / "made") == 0
    columns = {"question": "question", "answer": "answer", "image": "image"}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"name": "x", "file": "data/train.parquet", "columns": columns}))
    assert run("own", tmp_path / "in", tmp_path, "--mapping", tmp_path / "m.yaml") == 0


@pytest.mark.parametrize("option", ["--images", "--medthink"])
@pytest.mark.parametrize("below", [".", "deeper"])
def test_folders_of_images_and_rationales_are_not_written_into(tmp_path, capsys, option, below):
    hf(tmp_path / "in")
    shutil.copytree(SAMPLES / "vqa_rad", tmp_path / "other")
    (tmp_path / "other" / "R-RAD" / "open-end").mkdir(parents=True)
    (tmp_path / "other" / "R-RAD" / "open-end" / "trainset.json").write_text("[]")
    more = ("--medthink-check", "off") if option == "--medthink" else ()
    command = (option, tmp_path / "other", *more)
    assert run("vqa_rad", tmp_path / "in", tmp_path / "other" / below, *command) == 1
    assert "name another" in capsys.readouterr().err and not list((tmp_path / "other").rglob("*.card.json"))


@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_a_file_of_ones_own_is_not_overwritten_under_any_name(tmp_path, capsys, link):
    folder = tmp_path / "in"
    hf(folder, "mine.parquet" if link else "train.parquet")
    if link:
        (tmp_path / "out").mkdir()
        link(folder / "mine.parquet", tmp_path / "out" / "train.parquet")
    name = "mine.parquet" if link else "train.parquet"
    facts = {"name": "x", "file": name, "columns": {"question": "question", "answer": "answer", "image": "image"}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(facts))
    before = contents(folder)
    out = tmp_path / "out" if link else folder
    assert run("own", folder, out, "--mapping", tmp_path / "m.yaml") == 1
    assert "name another" in capsys.readouterr().err and contents(folder) == before


def test_files_of_overlap_and_gold_reasoning_are_not_overwritten(rad_files, tmp_path, capsys):
    before = contents(rad_files)
    assert run("vqa_rad", VQA_RAD, rad_files, "--drop-overlap", rad_files / "test.parquet") == 1
    assert "test.parquet is an input of this command" in capsys.readouterr().err and contents(rad_files) == before
    assert run("vqa_rad", VQA_RAD, rad_files, "--drop-overlap", rad_files / "test.parquet", "--split", "train") == 0
    gold = rad_files / "train.card.json"
    gold.write_text("[]")
    assert run("vqa_rad", VQA_RAD, rad_files, "--gold-reasoning", gold) == 1 and gold.read_text() == "[]"


@pytest.mark.parametrize("name", ["train.parquet", "../rad/train.parquet", "train.pq", "linked.parquet"])
def test_a_sample_does_not_overwrite_its_input_or_its_card(rad_files, capsys, name):
    (rad_files / "linked.parquet").symlink_to("train.parquet")
    before = contents(rad_files)
    assert main(["sample", str(rad_files / "train.parquet"), "--out", str(rad_files / name)]) == 1
    assert "is an input of this command" in capsys.readouterr().err and contents(rad_files) == before


def test_a_sample_does_not_overwrite_its_dumps(rad_files, tmp_path, capsys):
    dump = tmp_path / "1.jsonl"
    dump.write_text("")
    command = ["sample", str(rad_files / "train.parquet"), "--out", str(dump), "--pass-rates", str(tmp_path)]
    assert main(command) == 1 and dump.read_text() == ""


@pytest.mark.parametrize("option", ["--html", "--json"])
@pytest.mark.parametrize("name", ["train.parquet", "train.card.json"])
def test_a_report_does_not_overwrite_what_it_reads(rad_files, capsys, option, name):
    before = contents(rad_files)
    assert main(["report", str(rad_files / "train.parquet"), option, str(rad_files / name)]) == 1
    assert "is an input" in capsys.readouterr().err and contents(rad_files) == before


def test_a_report_does_not_overwrite_its_own_page(rad_files, tmp_path, capsys):
    both = ["--html", str(tmp_path / "a"), "--json", str(tmp_path / "a")]
    assert main(["report", str(rad_files / "train.parquet"), *both]) == 1
    assert "--html and --json name the same file" in capsys.readouterr().err


def test_annotations_are_not_appended_to_their_input(rad_files, capsys):
    file = rad_files / "train.parquet"
    before = file.read_bytes()
    command = ["annotate", str(file), "--out", str(file), "--base-url", "http://127.0.0.1:9/v1", "--model", "m"]
    assert main(command) == 1
    assert "is an input of this command" in capsys.readouterr().err and file.read_bytes() == before


def test_all_does_not_write_into_its_root(tmp_path, capsys):
    hf(tmp_path / "root" / "vqa_rad")
    before = contents(tmp_path / "root")
    assert main(["all", "--root", str(tmp_path / "root"), "--out", str(tmp_path / "root")]) == 1
    assert "name another" in capsys.readouterr().err and contents(tmp_path / "root") == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sample", "F", "--out", "x", "--rows", "0"], "--rows: must be 1 or more"),
        (["sample", "F", "--out", "x", "--rows", "-1"], "--rows: must be 1 or more"),
        (["sample", "F", "--out", "x", "--rows", "many"], "--rows: invalid whole number value: 'many'"),
        (["sample", "F", "--out", "x", "--min-pass", "1.5"], "--min-pass: must be from 0 to 1"),
        (["sample", "F", "--out", "x", "--max-pass", "nan"], "--max-pass: must be from 0 to 1"),
        (["report", "F", "--near", "-5"], "--near: must be from 0 to 256"),
        (["report", "F", "--near", "257"], "--near: must be from 0 to 256"),
        (["vqa_rad", "--source", "x", "--out", "x", "--near", "-5"], "--near: must be from 0 to 256"),
        (["annotate", "F", "--out", "x", "--base-url", "u", "--model", "m", "--concurrency", "0"], "must be 1 or more"),
        (["annotate", "F", "--out", "x", "--base-url", "u", "--model", "m", "--attempts", "0"], "must be 1 or more"),
    ],
)
def test_a_number_that_means_nothing_is_refused(capsys, command, message):
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2 and message in capsys.readouterr().err


# --- what was left out is said ---


def test_rows_that_a_loader_leaves_out_are_said(tmp_path, capsys):
    shutil.copytree(SAMPLES / "slake", tmp_path / "in")
    assert run("slake", tmp_path / "in", tmp_path / "out") == 0
    told = capsys.readouterr().out
    test = len(json.loads((SAMPLES / "slake" / "test.json").read_text()))
    assert f"note: test: {test} records of another language or kind left out (--language, --knowledge)" in told
    assert "test: no row of this split is in the source or was left, so no file was written" in told


def test_a_source_of_one_language_that_is_not_asked_for_is_said(tmp_path, capsys):
    folder = tmp_path / "in"
    shutil.copytree(SAMPLES / "slake", folder)
    records = json.loads((folder / "train.json").read_text())
    english = [record for record in records if record["q_lang"] == "en"]
    (folder / "validation.json").write_text(json.dumps(english))
    (folder / "train.json").write_text(json.dumps([record | {"q_lang": "zh"} for record in english]))
    assert run("slake", folder, tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert f"note: train: {len(english)} records of another language or kind left out" in told
    assert "train: no row of this split" in told and not (tmp_path / "out" / "train.parquet").exists()


def test_categories_and_splits_that_are_not_there_are_said(tmp_path, capsys):
    shutil.copytree(SAMPLES / "vqa_med_2019" / "VQAMed2019Test", tmp_path / "in")
    assert run("vqa_med_2019", tmp_path / "in", tmp_path / "out", "--category", "plane") == 0
    told = capsys.readouterr().out
    assert "questions of other categories left out (--category)" in told
    assert "note: no All_QA_Pairs_train.txt: split train is not there" in told
    assert "train: no row of this split" in told


# --- files of another source ---


def rows(folder, where: str, answer: str, **mapping) -> int:
    """One's own data of one split into `folder / out`."""
    source = folder / where
    source.mkdir(exist_ok=True)
    (source / "a.png").write_bytes(draw())
    with (source / "q.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["q", "a", "i"], ["What?", answer, "a.png"]])
    facts = {"name": "x", "file": "q.csv", "columns": {"question": "q", "answer": "a", "image": "i"}} | mapping
    (source / "m.yaml").write_text(yaml.safe_dump(facts))
    return run("own", source, folder / "out", "--mapping", source / "m.yaml")


def test_files_of_another_source_beside_the_new_ones_are_said(tmp_path, capsys):
    assert rows(tmp_path, "one", "liver", split="test") == 0
    capsys.readouterr()
    assert rows(tmp_path, "two", "lung") == 0
    told = capsys.readouterr().err
    assert f"warning: {tmp_path / 'out' / 'test.parquet'} is left from an earlier run: it was made from another" in told
    assert rows(tmp_path, "two", "lung", name="y") == 0
    assert "its data_source is x, not y" in capsys.readouterr().err
    (tmp_path / "out" / "test.card.json").unlink()
    assert rows(tmp_path, "two", "lung") == 0
    assert "no card of this package lies beside it" in capsys.readouterr().err


def test_another_form_of_the_rows_beside_the_new_ones_is_said(tmp_path, capsys):
    assert run("vqa_rad", VQA_RAD, tmp_path, "--split", "test", "--backbone", "qwen3_vl") == 0
    assert run("vqa_rad", VQA_RAD, tmp_path, "--split", "train") == 0
    assert "it was made with another --backbone" in capsys.readouterr().err


def test_splits_of_one_source_made_one_by_one_are_no_strangers(tmp_path, capsys):
    shutil.copytree(SAMPLES / "slake", tmp_path / "in")
    for split in ("train", "test"):
        assert run("slake", tmp_path / "in", tmp_path / "out", "--split", split, "--language", "en", "zh") == 0
    assert "warning" not in capsys.readouterr().err
