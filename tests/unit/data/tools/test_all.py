"""`all`: the training mix and the test sets, with the sizes told and not forced."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from data_preprocess.__main__ import main
from data_preprocess.tools import all as all_tool
from data_preprocess.tools.all import DIFFERS
from tests.unit.data.helpers import SAMPLES, VQA_RAD, read_rows


@pytest.fixture
def root(tmp_path):
    shutil.copytree(VQA_RAD, tmp_path / "root" / "vqa_rad")
    shutil.copytree(SAMPLES / "slake", tmp_path / "root" / "slake")
    # The sample's test part is Chinese; give the English default something to find.
    english = json.loads((SAMPLES / "slake" / "train.json").read_text())
    (tmp_path / "root" / "slake" / "test.json").write_text(json.dumps(english[:4]))
    return tmp_path / "root"


def test_sizes_are_told_and_not_forced(root, tmp_path, capsys):
    assert main(["all", "--root", str(root), "--out", str(tmp_path / "out")]) == DIFFERS
    printed = capsys.readouterr().out
    lines = {line.split("  ")[0]: line.split() for line in printed.splitlines()}
    assert lines["VQA-RAD"][-3:] == ["5", "200", "DIFFERS"] and lines["SLAKE"][-3:] == ["4", "706", "DIFFERS"]
    assert lines["PMC-VQA"][-2:] == ["-", "2000"]
    assert "pathvqa: not in" in printed and "mimic_cxr_vqa: not in" in printed
    mix = read_rows(tmp_path / "out" / "train_mix.parquet")
    assert {row["data_source"] for row in mix} == {"vqa-rad", "slake"} and len(mix) == 32 + 6
    card = json.loads((tmp_path / "out" / "train_mix.card.json").read_text())
    assert card["data_sources"] == {"slake": 6, "vqa-rad": 32} and card["rows"] == card["open_rows"] == 38
    assert {name: source["licence"] for name, source in card["made_of"].items()} == {
        "vqa_rad/train.parquet": "CC0-1.0",
        "slake/train.parquet": "CC-BY-4.0",
    }
    assert card["may_leave_machine"] is True and "CC-BY-4.0" in (tmp_path / "out" / "train_mix.card.md").read_text()
    assert not {"yes", "no"} & {row["reward_model"]["ground_truth"].lower() for row in mix}


def test_equal_sizes_are_a_success(root, tmp_path, monkeypatch, capsys):
    sizes = {"vqa_rad": 5, "slake": 4}
    real = all_tool.datasets.info

    def info(name):
        return replace(real(name), open_test_size=sizes[name]) if name in sizes else real(name)

    monkeypatch.setattr(all_tool.datasets, "info", info)
    assert main(["all", "--root", str(root), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count("  equal") == 2


def test_a_broken_dataset_fails_and_the_others_are_made(root, tmp_path, capsys):
    (root / "slake" / "train.json").write_text("[")
    assert main(["all", "--root", str(root), "--out", str(tmp_path / "out")]) == 1
    assert "slake, train: error: train.json is no JSON" in capsys.readouterr().err
    assert (tmp_path / "out" / "vqa_rad" / "test.parquet").exists()


def test_a_root_without_any_dataset_is_an_error(tmp_path, capsys):
    assert main(["all", "--root", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "holds none of the folders vqa_rad, slake, pathvqa" in capsys.readouterr().err
