"""The worked example of docs/own_parts.md, "Your own backbone", as a user would run it: a file and its name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.mrpo.backbones import Backbone, get_backbone
from recipe.mrpo.doctor.checkpoint import asked_tag
from recipe.mrpo.doctor.model import check_model

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own_parts.md"


@pytest.fixture
def rows(tmp_path, monkeypatch) -> Path:
    """Folder with the file of the page, as the working directory."""
    (source,) = re.findall(r"```python\n(# my_rows\.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "my_rows.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=900
    )


@pytest.mark.parametrize("name", ["my_rows:MEDGEMMA", "my_rows.py:MEDGEMMA"])
def test_the_scripts_read_an_own_row_by_its_name(rows, name):
    run = python(rows, "recipe.mrpo.backbones", name)
    assert run.returncode == 0, run.stderr
    assert "data.max_prompt_length=1024" in run.stdout.splitlines()
    assert python(rows, "recipe.mrpo.backbones", name, "model").stdout.strip() == "google/medgemma-4b-it"


def test_the_data_tools_ask_for_the_tag_of_an_own_row(rows):
    (rows / "my_rows.py").write_text((rows / "my_rows.py").read_text().replace('"think"', '"thinking"'))
    sample = ROOT / "examples" / "data" / "vqa_rad_sample"
    arguments = ("--source", str(sample), "--out", "out", "--split", "train", "--backbone", "my_rows:MEDGEMMA")
    run = python(rows, "data_preprocess", "vqa_rad", *arguments)
    assert run.returncode == 0, run.stderr
    assert asked_tag(rows / "out" / "train.parquet") == "thinking"


def test_doctor_knows_a_checkpoint_of_an_own_row(rows):
    folder = rows / "model"
    folder.mkdir()
    for name, content in {"config.json": {"model_type": "gemma3"}, "processor_config.json": {}, "tokenizer.json": {},
                          "model.safetensors": {}}.items():  # fmt: skip
        (folder / name).write_text(json.dumps(content))
    assert check_model(str(folder)).ok is False
    check = check_model(str(folder), "my_rows.py:MEDGEMMA")
    assert check.ok and check.says.endswith("is my_rows.py:MEDGEMMA")
    assert "cannot be loaded" in check_model(str(folder), "my_rows.py:OTHER").says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_rows.py:Backbone", "is type, not a recipe.mrpo.backbones.Backbone"),
        ("my_rows.py:NONE", "cannot be loaded"),
        ("nowhere:ROW", "cannot be loaded"),
        ("llava", "name your own row as package.module:ROW"),
    ],
)
def test_a_name_that_leads_to_no_row_is_refused_in_one_sentence(rows, name, says):
    with pytest.raises(ValueError, match=says):
        get_backbone(name)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("think_tag", "reasoning", "is not read by the parser"), ("vision_modules", "(", "is not a regular expression")],
)
def test_a_row_that_would_lose_steps_or_break_lora_cannot_be_made(field, value, says):
    fields = {"model_type": "m", "checkpoint": "o/m", "think_tag": "think", "eos": "</s>", "vision_modules": ".*v.*"}
    with pytest.raises(ValueError, match=says):
        Backbone(**fields | {field: value})
