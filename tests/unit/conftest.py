"""verl 0.9.1 as this process can import it (VERL_PLATFORM=cpu), and the runs beside it that several tests share.

Importing verl costs seconds, so it happens once, in fixtures; the subprocesses work while the tests of this process do.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import DictConfig, OmegaConf

ROOT = Path(__file__).parents[2]
BARE = Path(__file__).parent / "wiring" / "bare_process.py"


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


@pytest.fixture(scope="session", autouse=True)
def background(tmp_path_factory):
    """Two processes that run beside the tests: verl without our plugin, and `main_ppo` with a mistake in its options.

    The second has another plugin installed beside ours (OTHER_PLUGIN), which notes at exit what it finds.
    """
    here = tmp_path_factory.mktemp("background")
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
            [sys.executable, str(BARE), str(here / "bare.pt")], cpu_env(VERL_USE_EXTERNAL_PLUGINS="none"), here, 120
        ),
        mistake=Background(
            [sys.executable, "-m", "verl.trainer.main_ppo", "algorithm.adv_estimator=mrpo", "+mrpo.tau=2",
             "data.train_files=hdfs://host/absent.parquet", "actor_rollout_ref.rollout.name=vllm",
             "actor_rollout_ref.rollout.n=4", "hydra.run.dir=."],
            mistake_env, here, 120,
        ),
    )  # fmt: skip
    yield running
    running.bare.stop()
    running.mistake.stop()


@pytest.fixture(scope="session")
def verl(background):
    """verl's modules under test, with the plugin loaded as any process of a run has it."""
    from recipe.mrpo.cpu import activate

    before = {name: os.environ.get(name) for name in ("VERL_PLATFORM", "PYTHONPATH", "TQ_NUM_THREADS")}
    os.environ["VERL_PLATFORM"] = "cpu"
    activate()
    import verl  # loads the plugin
    from verl.experimental.reward_loop import reward_manager
    from verl.trainer.ppo import core_algos, metric_utils, ray_trainer
    from verl.trainer.ppo.v1 import trainer_base
    from verl.trainer.ppo.v1 import utils as v1_utils

    yield SimpleNamespace(
        DataProto=verl.DataProto,
        core_algos=core_algos,
        compute_advantage=ray_trainer.compute_advantage,
        process_validation_metrics=metric_utils.process_validation_metrics,
        reward_manager=reward_manager,
        trainer_base=trainer_base,
        v1_utils=v1_utils,
    )
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


VERL_CONFIG = Path(find_spec("verl").origin).parent / "trainer" / "config"
_composed: dict[tuple[str, ...], DictConfig] = {}


@pytest.fixture(scope="session")
def compose():
    """compose("ppo_trainer", override, ...): a fresh copy of the configuration that main_ppo would be given.

    Hydra composes each file once (a second each time); values are then set as Hydra's override syntax sets them.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from recipe.mrpo.config.search_path import register

    register()
    parser = OverridesParser.create()

    def composed(name: str, *overrides: str) -> DictConfig:
        groups = tuple(o for o in overrides if o.startswith("backbone="))  # Hydra alone can choose a group's file
        if (name, *groups) not in _composed:
            with initialize_config_dir(str(VERL_CONFIG), version_base=None):
                made = _composed[(name, *groups)] = hydra_compose(name, list(groups))
            for place, value in (
                ("data.train_files", None), ("data.val_files", None), ("actor_rollout_ref.model.path", "hdfs://host/m")
            ):  # fmt: skip
                if str(OmegaConf.select(made, place)).startswith("~"):  # verl's placeholders
                    OmegaConf.update(made, place, value)
        config = _composed[(name, *groups)].copy()
        for override in parser.parse_overrides([o for o in overrides if o not in groups]):
            OmegaConf.update(config, override.key_or_group, override.value(), force_add=override.is_add())
        return config

    return composed


@pytest.fixture(scope="session")
def make_record():
    """A record of steps of two tokens each behind one token of tag; `labels=None`: the judge failed."""
    from recipe.mrpo.rollout.record import RolloutRecord

    def make(answer=0.0, labels=(1, 0, 1), process=..., length=0.0, num_steps=3, tau=0.6, weights=None, **more):
        count = num_steps if labels is None else len(labels)
        if process is ...:
            process = None if labels is None else (sum(labels) / len(labels) if labels else 0.0)
        fields = {
            "steps": [f"Step {k} is \"here\"." for k in range(1, count + 1)],
            "spans": [(1 + 2 * k, 3 + 2 * k) for k in range(count)],
            "labels": None if labels is None else list(labels),
            "judge_status": "failed:timeout" if labels is None else "ok",
            "rewards": {"answer": answer, "process": process, "length": length},
            "weights": {"answer": 1.0, "process": 1.0, "length": 1.0} if weights is None else weights,
            "answer": "yes",
            "wrong": answer <= tau,
            "well_formed": True,
            "response_tokens": 12,
            "judge": {"calls": 1, "retries": 0, "latency_s": 0.5, "cached": False, "prompt_tokens": 7,
                      "completion_tokens": 3},
        }  # fmt: skip
        return RolloutRecord(**(fields | more))

    return make


@pytest.fixture(scope="session")
def options():
    """options(tau=..., **{"gdpo.final_norm": ...}): all options of MRPO with some changed."""
    from recipe.mrpo.options.tree import load_options

    def make(**changed):
        node = OmegaConf.create({})
        for name, value in changed.items():
            OmegaConf.update(node, name, value, force_add=True)
        return load_options(node)

    return make


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """A library of vLLM's sets the root logger and its handlers to ERROR when it is imported; later tests read logs."""
    root = logging.getLogger()
    level, handlers = root.level, [(handler, handler.level) for handler in root.handlers]
    yield
    root.setLevel(level)
    for handler, own in handlers:
        handler.setLevel(own)


@pytest.fixture
def cost_of() -> Callable[[Callable[[], object]], float]:
    """cost_of(function): CPU time of one call, in units of a loop over a million numbers in the same thread.

    A ratio of CPU times is the same on a slow machine and on one with other work.
    """

    def measure(function: Callable[[], object]) -> float:
        start = time.thread_time()
        function()
        spent = time.thread_time() - start
        start = time.thread_time()
        total = 0
        for number in range(1_000_000):
            total += number
        return spent / (time.thread_time() - start)

    return measure
