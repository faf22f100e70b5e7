"""Fixtures of the data tests: the shipped VQA-RAD sample in a folder to damage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data_preprocess.command.dataset import main
from tests.unit.data.helpers import VQA_RAD


@pytest.fixture
def rad(tmp_path):
    """The VQA-RAD sample in a folder of the test's own; `rad.records(edit)` rewrites its records."""

    class Rad:
        folder = tmp_path / "vqa_rad"
        out = tmp_path / "out"

        def records(self, edit) -> None:
            file = self.folder / "VQA_RAD Dataset Public.json"
            content = json.loads(file.read_text(encoding="utf-8"))
            content = edit(content) or content
            file.write_text(json.dumps(content), encoding="utf-8")

        def image(self, name: str) -> Path:
            return self.folder / "VQA_RAD Image Folder" / name

        def convert(self, *options: str) -> int:
            return main(["vqa_rad", "--source", str(self.folder), "--out", str(self.out), *options])

    shutil.copytree(VQA_RAD, Rad.folder)
    return Rad()


@pytest.fixture
def written(tmp_path):
    """Names of the files in the output folder, hidden ones too."""
    return lambda: sorted(path.name for path in (tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else []
