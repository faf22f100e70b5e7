"""Dataset cards say what was written; the list of datasets; downloads from the hub."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from data_preprocess.__main__ import main
from data_preprocess.convert.card import file_digests
from data_preprocess.datasets import NAMES, info
from data_preprocess.source import hub
from data_preprocess.source.errors import DataError
from tests.unit.data.helpers import GOLD, VQA_RAD, draw, read_rows, run, turned


def card_of(rad, split="train"):
    return json.loads((rad.out / f"{split}.card.json").read_text())


def test_every_number_of_a_card_is_that_of_the_file(rad):
    rad.convert("--gold-reasoning", str(GOLD))
    for split in ("train", "test"):
        card, rows = card_of(rad, split), read_rows(rad.out / f"{split}.parquet")
        infos = [row["extra_info"] for row in rows]
        assert card["rows"] == len(rows) == card["open_rows"] + card["yes_no_rows"]
        assert card["answer_types"] == {t: sum(i["answer_type"] == t for i in infos) for t in ("CLOSED", "OPEN")}
        assert card["gold_reasoning"]["rows"] == sum(i["gold_reasoning"] is not None for i in infos)
        assert card["images"]["different"] == len({i["image_sha256"] for i in infos})
        data = (rad.out / f"{split}.parquet").read_bytes()
        assert card["parquet"] == {
            "file": f"{split}.parquet",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }


def test_a_card_names_source_licence_and_hashes_but_no_path_of_this_machine(rad, tmp_path):
    rad.convert()
    card, text = card_of(rad), (rad.out / "train.card.md").read_text()
    assert card["licence"] == "CC0-1.0" and card["may_leave_machine"] is True
    official = (VQA_RAD / "VQA_RAD Dataset Public.json").read_bytes()
    assert card["source_files_sha256"] == {"VQA_RAD Dataset Public.json": hashlib.sha256(official).hexdigest()}
    assert str(tmp_path) not in json.dumps(card) + text and card["parquet"]["sha256"] in text


def test_a_card_says_what_was_left_out_and_which_images_were_converted(rad):
    rad.image("synpic46720.jpg").write_bytes(draw("PNG", mode="LA"))  # opaque, so kept
    rad.image("synpic54610.jpg").write_bytes(b"broken")
    exif = turned()
    rad.image("synpic53228.jpg").write_bytes(exif)
    rad.convert("--skip-bad", "--split", "train", "--open-only")
    card = card_of(rad)
    assert card["dropped"]["yes/no question (--open-only)"] == 25
    assert card["dropped"]["bad image or row (--skip-bad)"] == len(card["bad"]) == 3
    assert "image synpic54610.jpg: not an image" in card["bad"][0]
    (converted,) = card["images"]["converted_to_png"]
    assert (converted["image_id"], converted["quirks"]) == ("synpic53228.jpg", "exif_rotation")
    assert converted["sha256_before"] == hashlib.sha256(exif).hexdigest() != converted["sha256_after"]
    rows = [r for r in read_rows(rad.out / "train.parquet") if r["extra_info"]["image_id"] == "synpic53228.jpg"]
    assert all(r["extra_info"]["image_sha256"] == converted["sha256_after"] for r in rows)
    text = (rad.out / "train.card.md").read_text()
    assert "synpic53228.jpg (exif_rotation)" in text and "synpic54610.jpg" in text


@pytest.mark.parametrize(("policy", "status"), [("keep", 0), ("fail", 1)])
def test_image_policies(rad, policy, status, capsys):
    exif = turned()
    rad.image("synpic53228.jpg").write_bytes(exif)
    assert rad.convert("--image-policy", policy) == status
    if policy == "keep":
        rows = [r for r in read_rows(rad.out / "train.parquet") if r["extra_info"]["image_id"] == "synpic53228.jpg"]
        assert all(
            r["images"] == [{"bytes": exif}] and r["extra_info"]["image_quirks"] == ["exif_rotation"] for r in rows
        )
    else:
        assert "exif_rotation, which verl would show wrongly" in capsys.readouterr().err


def test_two_runs_give_equal_bytes_cards_included(rad):
    rad.convert("--gold-reasoning", str(GOLD))
    first = {path.name: path.read_bytes() for path in rad.out.iterdir()}
    rad.convert("--gold-reasoning", str(GOLD))
    assert {path.name: path.read_bytes() for path in rad.out.iterdir()} == first and len(first) == 6


# --- the list ---


def test_the_list_names_every_dataset_with_its_licence(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(re.search(rf"^  {name} .*{re.escape(info(name).licence)}$", printed, re.MULTILINE) for name in NAMES)


def test_the_studys_test_sizes():
    sizes = {name: info(name).open_test_size for name in NAMES if info(name).open_test_size}
    assert sizes == {
        "vqa_rad": 200, "slake": 706, "pathvqa": 3357, "pmc_vqa": 2000, "vqa_med_2021": 425, "quilt_vqa": 724,
        "radimagenet_vqa": 2000, "mimic_cxr_vqa": 1724,
    }  # fmt: skip


def test_a_name_with_dashes_is_understood_and_an_unknown_one_refused(tmp_path, capsys):
    assert run("vqa-rad", VQA_RAD, tmp_path) == 0
    assert main(["vqarad"]) == 2
    assert "'vqarad' is neither a dataset nor a tool" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_has_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0 and "--skip-bad" in capsys.readouterr().out


# --- the hub, without a network ---

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    import huggingface_hub

    calls = []

    class Api:
        def dataset_info(self, repository, revision):
            calls.append(("info", repository, revision))
            return type("Info", (), {"sha": COMMIT})

    def snapshot(repository, **values):
        calls.append(("snapshot", repository, values))
        return str(VQA_RAD)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return calls


def test_a_branch_is_resolved_to_a_commit_that_the_card_names(fake_hub, rad):
    assert main(["vqa_rad", "--out", str(rad.out)]) == 0
    (_, repository, values) = fake_hub[1]
    assert (
        repository == "flaviagiammarino/vqa-rad" and values["revision"] == COMMIT and values["repo_type"] == "dataset"
    )
    assert card_of(rad)["hub"] == {"repository": repository, "revision": COMMIT}


def test_a_commit_is_taken_as_it_is(fake_hub):
    other = COMMIT[::-1]
    assert hub.download(info("slake"), revision=other, folder=None)[1] == other
    assert [call[0] for call in fake_hub] == ["snapshot"] and "imgs.zip" in fake_hub[0][2]["allow_patterns"]


def test_a_dataset_without_a_hub_says_where_it_is():
    with pytest.raises(DataError, match=r"get it from https://physionet\.org"):
        hub.download(info("mimic_cxr_vqa"), revision="main", folder=None)


def test_no_network_is_told(monkeypatch, tmp_path, capsys):
    import huggingface_hub

    class Api:
        def dataset_info(self, *_, **__):
            raise OSError("Network is unreachable")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert main(["slake", "--out", str(tmp_path)]) == 1
    assert "could not be downloaded (Network is unreachable); run again to go on" in capsys.readouterr().err


def test_files_of_one_name_are_told_apart_by_their_folders_even_if_one_path_ends_in_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".", "sub", "sub/sub"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.jsonl").write_text(folder)
    paths = [
        Path("a.jsonl"),
        Path("sub/a.jsonl"),
        Path("sub/sub/a.jsonl"),
        tmp_path / "a.jsonl",
        Path("sub/../a.jsonl"),
    ]
    names = list(file_digests(paths))
    assert names == [f"{tmp_path.name}/a.jsonl", f"{tmp_path.name}/sub/a.jsonl", "sub/sub/a.jsonl"]
