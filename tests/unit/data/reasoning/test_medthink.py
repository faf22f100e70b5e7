"""MedThink: which files belong to a dataset, and whether they are the published ones."""

from __future__ import annotations

import hashlib
import json

import pytest

from data_preprocess.reasoning import medthink
from data_preprocess.source.errors import DataError
from tests.unit.data.helpers import VQA_RAD, read_rows, run, write_hf


@pytest.fixture
def clone(tmp_path):
    """A clone with records of the documented form for two open questions of the VQA-RAD sample."""
    folder = tmp_path / "clone" / "Medthink_Dataset" / "R-RAD"
    record = {"question": "what plane is this ?", "choices": ["axial"], "answer": 0, "image": "synpic35191.jpg"}
    files = {
        "open-end/testset.json": {"7": record | {"solution": "The head is cut across. It is axial."}},
        "open-end/trainset.json": {},
        "closed-end/testset.json": {},
        "closed-end/trainset.json": {},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return tmp_path / "clone"


def test_the_manifest_holds_the_fourteen_published_files():
    entries = json.loads(medthink.MANIFEST.read_text())
    assert len(entries) == 14 and all(len(e["sha256"]) == 64 and e["size"] > 10**5 for e in entries)
    assert {e["path"].split("/")[1] for e in entries} == {"R-RAD", "R-SLAKE", "R-PathVQA"}


def test_files_of_a_dataset_open_ended_first(clone):
    found = medthink.files(clone, "vqa_rad", ("train", "test"))
    assert ["/".join(path.parts[-3:]) for path in found] == [
        "R-RAD/open-end/trainset.json", "R-RAD/open-end/testset.json",
        "R-RAD/closed-end/trainset.json", "R-RAD/closed-end/testset.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "message"),
    [("pmc_vqa", "has no rationales for pmc_vqa"), ("slake", "no R-SLAKE/ in clone|no R-SLAKE/")],
)
def test_what_is_not_there_is_told(clone, dataset, message):
    with pytest.raises(DataError, match=message):
        medthink.files(clone, dataset, ("train",))


def test_another_file_than_the_published_one_is_refused(clone):
    with pytest.raises(DataError, match=r"R-RAD/open-end/testset.json is not the published file: .*Download it again"):
        medthink.verify(medthink.files(clone, "vqa_rad", ("test",)))


def test_a_pointer_is_told_apart(clone):
    path = medthink.files(clone, "vqa_rad", ("test",))[0]
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="git lfs pull"):
        medthink.verify([path])


def test_the_published_bytes_pass(clone, monkeypatch, tmp_path):
    path = medthink.files(clone, "vqa_rad", ("test",))[0]
    data = path.read_bytes()
    name = "Medthink_Dataset/R-RAD/open-end/testset.json"
    entry = {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]))
    monkeypatch.setattr(medthink, "MANIFEST", tmp_path / "manifest.json")
    medthink.verify([path])


def test_the_command_checks_hashes_unless_told_otherwise(clone, tmp_path, capsys, written):
    arguments = ("vqa_rad", VQA_RAD, tmp_path / "out", "--split", "test", "--open-only", "--medthink", clone)
    assert run(*arguments) == 1
    assert "is not the published file" in capsys.readouterr().err and written() == []
    assert run(*arguments, "--medthink-check", "off") == 0
    assert "1 matched, 4 unmatched, 0 ambiguous" in capsys.readouterr().out
    (gold,) = [i for row in read_rows(tmp_path / "out" / "test.parquet") if (i := row["extra_info"])["gold_reasoning"]]
    assert (gold["image_id"], gold["gold_source"]) == ("synpic35191.jpg", "MedThink")
    card = json.loads((tmp_path / "out" / "test.card.json").read_text())
    assert card["gold_reasoning"]["join"] == {"matched": 1, "unmatched": 4, "ambiguous": 0}
    # Two files of one name: both stand in the card, told apart by their folders.
    assert set(card["gold_reasoning"]["files"]) == {"open-end/testset.json", "closed-end/testset.json"}


def test_a_copy_without_image_names_gets_them_from_the_clone(clone, rad, tmp_path, capsys):
    """Hugging Face copies name no image; MedThink's repository holds the same bytes under the original names."""
    pixels = rad.image("synpic35191.jpg").read_bytes()
    row = {"image": {"bytes": pixels, "path": None}, "question": "What plane is this?", "answer": "axial"}
    write_hf(tmp_path / "hf", "data/test-00000-of-00001.parquet", [row])
    arguments = ("vqa_rad", tmp_path / "hf", tmp_path / "out", "--medthink", clone, "--medthink-check", "off")
    assert run(*arguments) == 0  # a clone without its images
    printed = capsys.readouterr().out
    assert "0 matched, 1 unmatched" in printed and "1 images have no name here" in printed and "--images DIR" in printed
    images = clone / "Medthink_Dataset" / "R-RAD" / "images"
    images.mkdir()
    (images / "synpic1.jpg").write_text("version https://git-lfs.github.com/spec/v1\n")  # a pointer names nothing
    (images / "synpic35191.jpg").write_bytes(pixels)
    assert run(*arguments) == 0
    assert "1 matched, 0 unmatched, 0 ambiguous" in capsys.readouterr().out
    (row,) = read_rows(tmp_path / "out" / "test.parquet")
    assert row["extra_info"]["image_id"] == "synpic35191.jpg"
