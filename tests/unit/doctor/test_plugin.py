"""`mrpo doctor` on the plugin: does verl load it here and where workers start?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.mrpo.doctor.plugin import check_plugin

ROOT = Path(__file__).parents[3]


def doctor_process(*arguments, **environment):
    env = {k: v for k, v in os.environ.items() if k != "VERL_USE_EXTERNAL_PLUGINS"}
    return subprocess.run(
        [sys.executable, "-m", "recipe.mrpo.cli", "doctor", *arguments], capture_output=True, text=True, timeout=900,
        cwd=ROOT, env={**env, "VERL_PLATFORM": "cpu", **environment},
    )  # fmt: skip


@pytest.mark.slow
def test_verl_and_the_plugin_load_here_and_where_workers_start():
    run = doctor_process("--only", "processes")
    assert run.returncode == 0, run.stdout + run.stderr
    marks = [line.split()[:2] for line in run.stdout.splitlines()[:3]]
    assert marks == [["ok", "verl"], ["ok", "plugin"], ["ok", "workers"]]


@pytest.mark.slow
def test_broken_plugin_switched_off():
    run = doctor_process("--only", "processes", VERL_USE_EXTERNAL_PLUGINS="none")
    assert run.returncode == 1
    assert "FAILED  plugin" in run.stdout and "FAILED  workers" in run.stdout
    assert "VERL_USE_EXTERNAL_PLUGINS=none keeps verl from loading it" in run.stdout
    assert "2 of 3 checks failed." in run.stdout


@pytest.mark.parametrize(
    ("found", "policy", "ok", "do"),
    [
        (None, "", None, ""),
        ({"estimator": True, "manager": True, "loaded": True}, "", True, ""),
        ({"estimator": False, "manager": False, "loaded": False}, "", False, "pip install -e ."),
        ({"estimator": False, "manager": False, "loaded": False}, "none", False, "=none keeps verl from loading it"),
        ({"estimator": False, "manager": False, "loaded": False}, "other", False, "=other keeps verl from loading it"),
        ({"estimator": True, "manager": False, "loaded": True}, "auto", False, "failed to register"),
        ({"estimator": False, "manager": False, "loaded": False}, "other,mrpo", False, "pip install -e ."),
    ],
)
def test_why_the_plugin_is_missing(found, policy, ok, do):
    check = check_plugin("plugin", found, policy, "here")
    assert check.ok is ok and do in check.do
