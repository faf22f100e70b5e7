"""`mrpo doctor` where something is missing or is another thing: one sentence, what to do, exit status 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mrpo.doctor.versions import Wanted, check_versions

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with odd things in it, and the working directory of the doctor."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "text.parquet").write_text("question,answer\n")
    (tmp_path / "folder" / "model.safetensors").write_text("weights")
    (tmp_path / "to-nothing").symlink_to(tmp_path / "nothing")
    pq.write_table(pa.table({"question": ["?"]}), tmp_path / "other.parquet")
    return tmp_path


HUB = "owner/never-downloaded"


@pytest.mark.parametrize(
    ("check", "words", "environment", "says", "do"),
    [
        ("data", ["--data", "folder"], {}, "folder is a folder, not a parquet file", "name its files"),
        ("data", ["--data", "empty.parquet"], {}, "empty.parquet cannot be read as parquet", "mrpo data"),
        ("data", ["--data", "text.parquet"], {}, "text.parquet cannot be read as parquet", "mrpo data"),
        ("data", ["--data", "other.parquet"], {}, "other.parquet has no column", "mrpo data"),
        ("data", ["--data", "n" * 300], {}, "there is no nnn", "correct --data"),
        ("data", ["--data", "text.parquet/x"], {}, "there is no text.parquet/x", "correct --data"),
        ("model", ["--model", "text.parquet"], {}, "text.parquet is a file, not the folder", "set --model"),
        ("model", ["--model", "folder/model.safetensors"], {}, "is a file, not the folder", "set --model"),
        ("model", ["--model", "folder"], {}, "folder/config.json cannot be read", "Hugging Face checkpoint"),
        ("model", ["--model", "~nobody-here/model"], {}, "there is no folder ~nobody-here/model", "correct --model"),
        ("model", ["--model", "a b/c"], {}, "neither a folder nor a name that the hub can have", "correct --model"),
        ("model", ["--model", HUB], {"HF_HUB_OFFLINE": "1"}, "and HF_HUB_OFFLINE is set", f"hf download {HUB}"),
        ("model", ["--model", HUB], {"HF_HUB_OFFLINE": "ON"}, "and HF_HUB_OFFLINE is set", f"hf download {HUB}"),
        ("model", ["--model", HUB], {"TRANSFORMERS_OFFLINE": "1"}, "TRANSFORMERS_OFFLINE is set", "hf download"),
        ("disk", ["--output", "text.parquet"], {}, "text.parquet is not a folder", "choose another --output"),
        ("disk", ["--output", "text.parquet/out"], {}, "text.parquet is not a folder", "choose another --output"),
        ("disk", ["--output", "n" * 300], {}, "File name too long", "choose another --output"),
        ("disk", ["--output", "to-nothing"], {}, "to-nothing is a link to nothing", "choose another --output"),
        ("disk", ["--output", "/proc/out"], {}, "/proc/out cannot be made", "choose another --output"),
        ("temporary", [], {"TMPDIR": "no-such"}, "TMPDIR=no-such cannot be used (there is no such", "make that folder"),
        ("temporary", [], {"TMPDIR": "text.parquet"}, "is not a folder", "set TMPDIR"),
    ],
)
def test_what_is_missing_or_another_thing_is_said_with_what_to_do(
    doctor, place, monkeypatch, check, words, environment, says, do
):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    left = sorted(place.iterdir())
    code, found = doctor("--only", "disk" if check == "temporary" else check, *words, "--min-disk-gb", "0")
    assert code == 1 and found[check]["ok"] is False, found
    assert says in found[check]["says"] and "\n" not in found[check]["says"]
    assert do in found[check]["do"] and "report this" not in found[check]["do"]
    assert sorted(place.iterdir()) == left, "the doctor leaves nothing behind"


def test_a_folder_of_data_does_not_break_the_check_of_the_judge(doctor, place):
    code, found = doctor("--only", "judge", "--data", "folder", "n" * 300, "mrpo.judge.name=overlap")
    assert code == 0 and found["judge"]["ok"] is True


def test_without_any_package_verl_is_missing():
    check = check_versions(Wanted({"verl": "0.9.1"}, ()), {}.get)
    assert check.ok is False and check.says == "verl==0.9.1 is missing" and check.do


@pytest.fixture(scope="module")
def python_without_verl(tmp_path_factory):
    """A virtual environment with all packages of this one but verl and ours."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=900)
    here = next(folder.glob("lib/python*/site-packages"))
    for part in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not part.name.startswith(("verl", "__editable__")) and part.suffix != ".pth":
            (here / part.name).symlink_to(part)
    return folder / "bin" / "python"


def test_a_machine_without_verl_is_told_to_install_it(python_without_verl):
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VERL_USE_EXTERNAL_PLUGINS")}
    run = subprocess.run(
        [python_without_verl, "-m", "recipe.mrpo.cli", "doctor", "--json", "--only", "versions", "hooks", "processes"],
        capture_output=True, text=True, timeout=900, cwd=ROOT, env={**env, "VERL_PLATFORM": "cpu"},
    )  # fmt: skip
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr
    found = {check["name"]: check for check in json.loads(run.stdout)}
    says = {"versions": "verl==0.9.1 is missing", "hooks": "verl is not installed", "verl": "No module named 'verl'"}
    for name, words in says.items():
        assert found[name]["ok"] is False and words in found[name]["says"]
        assert "install" in found[name]["do"]
