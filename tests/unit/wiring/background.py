"""Two processes beside the tests: verl without our plugin, and `main_ppo` with a mistake beside another plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[3]
BARE = Path(__file__).parent / "bare_process.py"
HANGS = 900
"""Seconds after which a process that needs ten on a quiet machine is said to hang."""


def cpu_env(**more: str) -> dict[str, str]:
    """Environment of a Python process that can import verl on a machine without a GPU."""
    from recipe.mrpo.cpu import SHIM_DIR

    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != str(SHIM_DIR)]
    path = os.pathsep.join([str(SHIM_DIR), str(ROOT), *inherited])
    return {**os.environ, "VERL_PLATFORM": "cpu", "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", **more}


class Background:
    """A subprocess that is started early and waited for late."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: Path, limit: float):
        self._limit = limit
        self._process = subprocess.Popen(
            command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._done: SimpleNamespace | None = None

    def result(self) -> SimpleNamespace:
        if self._done is None:
            try:
                out, err = self._process.communicate(timeout=self._limit)
            except subprocess.TimeoutExpired:
                self.stop()
                out, err = self._process.communicate()
                pytest.fail(f"still running after {self._limit} s:\n{out[-2000:]}\n{err[-2000:]}")
            self._done = SimpleNamespace(code=self._process.returncode, out=out, err=err)
        return self._done

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)


OTHER_PLUGIN = """
# Somebody else's plugin: imports verl eagerly, registers an estimator and a reward manager, wraps verl's check.
import atexit, json, os, sys

import ray
import verl.utils.config
from verl.experimental.reward_loop import reward_manager
from verl.trainer.ppo import core_algos

calls = []
ray.init = lambda *args, **kwargs: calls.append("ray.init")


@core_algos.register_adv_est("other")
def other(*args, **kwargs):
    return "other"


@reward_manager.register("other")
class Other(reward_manager.NaiveRewardManager):
    pass


checked = verl.utils.config.validate_config
verl.utils.config.validate_config = lambda *args, **kwargs: calls.append("other check") or checked(*args, **kwargs)


@atexit.register
def note():
    registry = core_algos.ADV_ESTIMATOR_REGISTRY
    json.dump({
        "calls": calls,
        "other_is_other": registry["other"] is other and reward_manager.get_reward_manager_cls("other") is Other,
        "estimators": sorted(map(str, registry)),
        "managers": sorted(reward_manager.registry.REWARD_MANAGER),
        "module": registry["mrpo"].__module__ if "mrpo" in registry else None,
    }, open(os.environ["OTHER_PLUGIN_NOTES"], "w"))
"""


@contextmanager
def started(here: Path) -> Iterator[SimpleNamespace]:
    """Both processes at once, with their files in `here`; `main_ppo` has a mistake in its options.

    It has another plugin installed beside ours (OTHER_PLUGIN), which notes at exit what it finds.
    """
    info = here / "other" / "other_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[verl.plugins]\nother = other_plugin\n")
    (here / "other" / "other_plugin.py").write_text(OTHER_PLUGIN)
    mistake_env = cpu_env(RAY_ADDRESS="", OTHER_PLUGIN_NOTES=str(here / "notes.json"))
    mistake_env["PYTHONPATH"] += os.pathsep + str(here / "other")
    running = SimpleNamespace(
        figures=here / "bare.pt",
        notes=here / "notes.json",
        bare=Background(
            [sys.executable, str(BARE), str(here / "bare.pt")], cpu_env(VERL_USE_EXTERNAL_PLUGINS="none"), here, HANGS
        ),
        mistake=Background(
            [sys.executable, "-m", "verl.trainer.main_ppo", "algorithm.adv_estimator=mrpo", "+mrpo.tau=2",
             "data.train_files=hdfs://host/absent.parquet", "actor_rollout_ref.rollout.name=vllm",
             "actor_rollout_ref.rollout.n=4", "hydra.run.dir=."],
            mistake_env, here, HANGS,
        ),
    )  # fmt: skip
    yield running
    running.bare.stop()
    running.mistake.stop()
