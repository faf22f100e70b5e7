"""A small source of every data set: its shipped sample, or one made in its documented form."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.unit.data.helpers import ROOT, SAMPLES, VQA_RAD, draw, hf_image, write_hf


def vqa_rad(folder: Path) -> list[str]:
    shutil.copytree(VQA_RAD, folder)
    return []


def slake(folder: Path) -> list[str]:
    shutil.copytree(SAMPLES / "slake", folder)
    return ["--language", "en", "zh"]


def pathvqa(folder: Path) -> list[str]:
    row = {"image": hf_image(draw("JPEG"), "a.jpg"), "question": "What is seen?", "answer": "necrosis"}
    write_hf(folder, "data/validation-00000-of-00001.parquet", [row])
    return []


def pmc_vqa(folder: Path) -> list[str]:
    choices = [f"Choice {letter}" for letter in "ABCD"]
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.jpg").write_bytes(draw("JPEG"))
    with (folder / "test_clean.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["Figure_path", "Question", "Answer", *choices], ["a.jpg", "Which?", "liver", *"abcd"]]
        )
    return []


def vqa_med_2019(folder: Path) -> list[str]:
    shutil.copytree(SAMPLES / "vqa_med_2019", folder)
    return ["--split", "test"]


def vqa_med_2021(folder: Path) -> list[str]:
    (folder / "VQA-500-Images").mkdir(parents=True)
    (folder / "VQA-500-Images" / "synpic1.jpg").write_bytes(draw("JPEG"))
    (folder / "TestSet-Questions.txt").write_text("synpic1|what abnormality is seen?\n")
    (folder / "TestSet-ReferenceAnswers.txt").write_text("synpic1|glioma\n")
    return []


def quilt_vqa(folder: Path) -> list[str]:
    row = {"image": hf_image(draw("JPEG")), "question": "What?", "answer": "Keratin pearls.", "answer_type": "OPEN"}
    write_hf(folder, "data/train-00000-of-00001.parquet", [row])
    return []


def radimagenet_vqa(folder: Path) -> list[str]:
    row = {"image": hf_image(draw()), "question": "What?", "answer": "pneumonia", "question_type": "open"}
    write_hf(folder, "benchmark/test-00000-of-00001.parquet", [row])
    return []


def mimic_cxr_vqa(folder: Path) -> list[str]:
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "a.jpg").write_bytes(draw("JPEG"))
    record = {"image_id": "a", "image_path": "a.jpg", "question": "What?", "answer": ["left lung"]}
    (folder / "valid.json").write_text(json.dumps([record]))
    return []


def open_i(folder: Path) -> list[str]:
    shutil.copytree(ROOT / "examples" / "data" / "reports_sample", folder)
    return []


def own(folder: Path) -> list[str]:
    shutil.copytree(ROOT / "examples" / "data" / "own_sample", folder)
    return ["--mapping", str(folder / "mapping.yaml")]


MAKERS: dict[str, Callable[[Path], list[str]]] = {
    maker.__name__: maker
    for maker in (
        vqa_rad, slake, pathvqa, pmc_vqa, vqa_med_2019, vqa_med_2021, quilt_vqa, radimagenet_vqa, mimic_cxr_vqa,
        open_i, own,
    )
}  # fmt: skip
"""Each writes a source into a folder that is not there yet and returns the options that its command needs besides."""
