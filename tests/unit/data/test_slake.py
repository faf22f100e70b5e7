"""SLAKE: both languages, knowledge questions, the zip, missing images, rule-made reasoning."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

from data_preprocess.reasoning.slake_rules import rule_reasoning
from data_preprocess.source.records import Record
from recipe.mrpo.rollout.steps import parse, split_steps
from tests.unit.data.helpers import SAMPLES, MemoryImage, draw, read_rows, run

SLAKE = SAMPLES / "slake"


@pytest.fixture
def slake(tmp_path):
    shutil.copytree(SLAKE, tmp_path / "slake")
    return tmp_path / "slake"


def info_of(out, split):
    return [row["extra_info"] for row in read_rows(out / f"{split}.parquet")]


def test_english_is_the_default_and_empty_splits_are_no_files(slake, tmp_path):
    assert run("slake", slake, tmp_path / "out") == 0
    info = info_of(tmp_path / "out", "train")
    assert len(info) == 10 and {i["language"] for i in info} == {"en"}
    assert {(i["modality"], i["organ"]) for i in info} == {("CT", "Abdomen")}
    assert info[0]["image_id"] == "xmlab104/source.jpg" and info[0]["record_id"] == "22"
    assert not (tmp_path / "out" / "test.parquet").exists()  # all its records here are Chinese


def test_chinese_rows_are_kept_as_they_are_and_open_by_their_type(slake, tmp_path):
    assert run("slake", slake, tmp_path / "out", "--language", "zh", "--open-only") == 0
    info = info_of(tmp_path / "out", "test")
    official = [r for r in json.loads((SLAKE / "test.json").read_text()) if r["answer_type"] == "OPEN"]
    assert [i["answer"] for i in info] == [r["answer"] for r in official]  # there is no yes/no word to go by


@pytest.fixture
def with_drawn_images(slake):
    """The records of six more images, which are not shipped: drawn."""
    for name in ("train", "validation", "test"):
        shutil.copy(SLAKE / "records_only" / f"{name}.json", slake / f"{name}.json")
    records = [r for name in ("train", "validation", "test") for r in json.loads((slake / f"{name}.json").read_text())]
    for name in {r["img_name"] for r in records}:
        (slake / "imgs" / name).parent.mkdir(exist_ok=True)
        (slake / "imgs" / name).write_bytes(draw("JPEG"))
    return slake, records


@pytest.mark.parametrize(("option", "kinds"), [("include", {"vqa", "kvqa"}), ("exclude", {"vqa"}), ("only", {"kvqa"})])
def test_knowledge_questions(with_drawn_images, tmp_path, option, kinds):
    folder, records = with_drawn_images
    assert run("slake", folder, tmp_path / "out", "--knowledge", option) == 0
    splits = [path.stem for path in (tmp_path / "out").glob("*.parquet")]
    written = sorted(int(i["record_id"]) for split in splits for i in info_of(tmp_path / "out", split))
    assert written == sorted(r["qid"] for r in records if r["q_lang"] == "en" and r["base_type"] in kinds)


def test_a_knowledge_questions_triple_is_kept_as_context(with_drawn_images, tmp_path):
    run("slake", with_drawn_images[0], tmp_path / "out", "--knowledge", "only", "--split", "train")
    assert "vhead | part of | respiratory system" in {i["context"] for i in info_of(tmp_path / "out", "train")}


def test_missing_images_are_listed_and_fail_the_command(slake, tmp_path, capsys, written):
    shutil.copy(SLAKE / "records_only" / "train.json", slake / "train.json")
    assert run("slake", slake, tmp_path / "out", "--split", "train") == 1
    error = capsys.readouterr().err
    assert "train.json, row 0: image xmlab" in error and "is missing in imgs" in error and written() == []


@pytest.mark.parametrize("prefix", ["imgs/", ""])
def test_images_are_read_out_of_the_zip(slake, tmp_path, prefix):
    with zipfile.ZipFile(slake / "imgs.zip", "w") as archive:
        archive.write(slake / "imgs" / "xmlab104" / "source.jpg", f"{prefix}xmlab104/source.jpg")
    original = (slake / "imgs" / "xmlab104" / "source.jpg").read_bytes()
    shutil.rmtree(slake / "imgs")
    assert run("slake", slake, tmp_path / "out") == 0
    assert read_rows(tmp_path / "out" / "train.parquet")[0]["images"] == [{"bytes": original}]
    assert not (slake / "imgs").exists()  # nothing was unpacked


def test_a_truncated_zip_is_told(slake, tmp_path, capsys, written):
    shutil.make_archive(str(slake / "imgs"), "zip", slake / "imgs")
    shutil.rmtree(slake / "imgs")
    (slake / "imgs.zip").write_bytes((slake / "imgs.zip").read_bytes()[:-500])
    assert run("slake", slake, tmp_path / "out") == 1
    assert "imgs.zip is truncated or no zip archive" in capsys.readouterr().err and written() == []


def test_the_original_zips_name_of_the_validation_file(slake, tmp_path):
    (slake / "validation.json").rename(slake / "validate.json")
    assert run("slake", slake, tmp_path / "out") == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"q_lang": "fr"}, "row 0: q_lang 'fr' is not one of en, zh"),
        ({"triple": "vhead"}, "row 0: triple must be a list"),
        ({"answer": ""}, "row 0: answer is empty"),
        ({"img_name": "../x.jpg"}, "row 0: image ../x.jpg: the file name '../x.jpg' leads out of its folder"),
    ],
)
def test_bad_records_are_named(slake, tmp_path, capsys, written, values, message):
    records = json.loads((slake / "train.json").read_text())
    records[0].update(values)
    (slake / "train.json").write_text(json.dumps(records))
    assert run("slake", slake, tmp_path / "out") == 1
    assert f"train.json, {message}" in capsys.readouterr().err and written() == []


def test_a_missing_split_file_is_told(slake, tmp_path, capsys):
    (slake / "test.json").unlink()
    assert run("slake", slake, tmp_path / "out") == 1
    assert "test.json is missing" in capsys.readouterr().err


# --- reasoning by rules ---


def record(**values) -> Record:
    facts = dict(
        split="train", index=0, question="What?", answers=("Lung",), image=MemoryImage("a", b""), image_id="a",
        file="f", where=0, modality="CT", organ="Chest_lung", question_type="Size",
    )  # fmt: skip
    return Record(**facts | values)


def test_rule_reasoning_names_image_question_relation_and_answer():
    text = rule_reasoning(record(question_type="KG"), ["vhead", "part of", "respiratory system"])
    assert text == (
        "The image is a CT image of the chest lung. The question asks about knowledge about an organ or a disease. "
        'The relation that answers it is "part of" with "respiratory system". The answer is Lung.'
    )


@pytest.mark.parametrize("kind", ["Position", "Organ"])
def test_rule_reasoning_does_not_contradict_an_answer_about_place(kind):
    # Real: location "Abdomen", question "Which part of the body does this image belong to?", answer "Chest".
    assert (
        "Abdomen".lower()
        not in rule_reasoning(record(organ="Abdomen", question_type=kind), ["vhead", "_", "_"]).lower()
    )


def test_rule_reasoning_of_every_english_sample_record_has_three_or_four_steps_and_ends_in_the_answer(slake, tmp_path):
    run("slake", slake, tmp_path / "out", "--rule-reasoning")
    for info in info_of(tmp_path / "out", "train"):
        steps = split_steps(parse(f"<think>{info['gold_reasoning']}</think>"), splitter="rules", unclosed_think="drop")
        assert 3 <= len(steps) <= 4 and info["gold_reasoning"].endswith(f"The answer is {info['answer']}.")
        assert info["gold_source"].startswith("made by rules")


def test_there_are_no_rules_for_chinese():
    assert rule_reasoning(record(language="zh"), None) is None
