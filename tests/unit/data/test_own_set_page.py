"""The worked example of docs/own_parts.md, "Your own data set", run as a user would; and parts that are not whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from data_preprocess.__main__ import main
from tests.unit.data.helpers import ROOT, draw, read_rows

MRPO = "import sys; sys.path.remove(''); from recipe.mrpo.cli import main; sys.exit(main())"
"""The console script, which has its own folder on the path and not the working one."""
PAGE = ROOT / "docs" / "own_parts.md"


@pytest.fixture
def code() -> str:
    section = PAGE.read_text().split("## Your own data set")[1].split("\n## ")[0]
    (found,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return found


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "1.png").write_bytes(draw())
    reports = [
        {"ward": 3, "image": "1.png", "findings": {"Is there a fracture?": "no", "Which bone?": "radius"}},
        {"ward": 4, "image": "1.png", "findings": {"What is seen?": "a cast"}},
    ]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, reports)))
    (folder / "test.jsonl").write_text(json.dumps(reports[0]))
    return folder


@pytest.fixture(params=["module", "file"])
def name(request, tmp_path, monkeypatch, code) -> str:
    """The example as a module of its own on the path, and as a file."""
    stem = f"my_sets_{request.param}"
    (tmp_path / f"{stem}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    return f"{stem}:hospital" if request.param == "module" else f"{tmp_path}/{stem}.py:hospital"


def answers(file) -> list[str]:
    return [row["reward_model"]["ground_truth"] for row in read_rows(file)]


def test_the_example_runs_with_its_option(name, source, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([name, "--source", str(source), "--out", str(out), "--ward", "3", "--open-only"]) == 0
    assert answers(out / "train.parquet") == ["radius"] == answers(out / "test.parquet")
    told = capsys.readouterr().out
    assert "note: 1 questions of other wards left out (--ward)" in told and "dropped 1: yes/no" in told
    (row,) = read_rows(out / "train.parquet")
    assert row["data_source"] == "hospital" and row["extra_info"]["may_leave_machine"] is False
    card = json.loads((out / "train.card.json").read_text())
    assert card["options"]["ward"] == "3" and set(card["source_files_sha256"]) == {"train.jsonl", "test.jsonl"}


def test_the_example_reads_only_the_split_that_is_asked_for(name, source, tmp_path):
    (source / "test.jsonl").unlink()
    assert main([name, "--source", str(source), "--out", str(tmp_path / "out"), "--split", "train"]) == 0
    assert answers(tmp_path / "out" / "train.parquet") == ["no", "radius", "a cast"]


def test_its_bad_rows_are_those_of_every_data_set(name, source, tmp_path, capsys):
    with (source / "train.jsonl").open("a") as stream:
        stream.write('\n{"image": "1.png", "findings": {"Where?": "nan"}}\n{')
    assert main([name, "--source", str(source), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "train.jsonl, line 3: Where? is empty" in told and "train.jsonl, line 4: no JSON" in told


def test_its_help_names_its_option(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    told = capsys.readouterr().out
    assert stop.value.code == 0 and "--ward" in told and "Findings of our department" in told


@pytest.mark.parametrize("command", [["-m", "data_preprocess"], ["-c", MRPO, "data"]], ids=["python -m", "mrpo"])
def test_a_module_in_the_working_folder_is_found(tmp_path, code, source, command):
    (tmp_path / "my_sets.py").write_text(code)
    words = ["my_sets:hospital", "--source", str(source), "--out", "out"]
    done = subprocess.run(
        [sys.executable, *command, *words], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=900,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and (tmp_path / "out" / "train.parquet").exists(), done.stderr


WHOLE = "from data_preprocess.datasets import DatasetInfo\nINFO = DatasetInfo(name='x', data_source='x', title='x', \
homepage='', licence='', citation='', hub=None, splits=('train',), open_test_size=None, may_leave_machine=False)\n"


@pytest.mark.parametrize(
    ("content", "part", "message"),
    [
        ("", "hospital", "cannot be loaded: AttributeError"),
        ("hospital = 3", "hospital", "must have INFO (a data_preprocess.datasets.DatasetInfo) and load(source)"),
        ("class hospital:\n    INFO = {}\n    def load(s): ...", "hospital", "must have INFO"),
        (WHOLE + "class hospital:\n    INFO = INFO", "hospital", "must have INFO"),
        (
            WHOLE + "from dataclasses import replace\nclass hospital:\n    INFO = replace(INFO, splits=('dev',))\n"
            "    load = print",
            "hospital",
            "INFO.splits must be some of train, validation, test, not ('dev',)",
        ),
        (
            WHOLE + "class hospital:\n    INFO = INFO\n    load = print\n"
            "    def add_arguments(parser): parser.add_argument('--out')",
            "hospital",
            "conflicting option string: --out",
        ),
        ("import no_such_module", "hospital", "cannot be loaded: ModuleNotFoundError"),
        ("(", "hospital", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_part_that_is_not_whole_is_a_sentence(tmp_path, capsys, content, part, message):
    (tmp_path / "sets.py").write_text(content)
    assert main([f"{tmp_path}/sets.py:{part}", "--source", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and "Traceback" not in told


def test_a_set_that_does_not_say_whether_it_may_leave_the_machine_is_refused(tmp_path):
    from data_preprocess.datasets import DatasetInfo

    facts = {"name": "x", "data_source": "x", "title": "x", "homepage": "", "licence": "", "citation": "", "hub": None}
    with pytest.raises(TypeError, match="may_leave_machine"):
        DatasetInfo(**facts, splits=("train",), open_test_size=None)
