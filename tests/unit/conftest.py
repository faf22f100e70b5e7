"""A port where nobody answers, and verl 0.9.1 as this process can import it: once, because it costs seconds."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from omegaconf import DictConfig, OmegaConf


@pytest.fixture(scope="module")
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        yield taken.getsockname()[1]


@pytest.fixture(scope="session")
def verl_on_the_cpu() -> Iterator[ModuleType]:
    """verl with the plugin loaded, as any process of a run without a GPU has it.

    verl asks for its platform once in a process. A test of another machine may have asked first, so it is set.
    """
    from recipe.mrpo.cpu import activate

    before = {name: os.environ.get(name) for name in ("VERL_PLATFORM", "PYTHONPATH", "TQ_NUM_THREADS")}
    os.environ["VERL_PLATFORM"] = "cpu"
    activate()
    import verl  # loads the plugin
    from verl.plugin.platform import set_platform

    from recipe.mrpo.cpu.platform import PlatformCPU

    set_platform(PlatformCPU())
    yield verl
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def verl(verl_on_the_cpu):
    """verl's modules under test."""
    from verl.experimental.reward_loop import reward_manager
    from verl.trainer.ppo import core_algos, metric_utils, ray_trainer
    from verl.trainer.ppo.v1 import trainer_base
    from verl.trainer.ppo.v1 import utils as v1_utils

    return SimpleNamespace(
        DataProto=verl_on_the_cpu.DataProto,
        core_algos=core_algos,
        compute_advantage=ray_trainer.compute_advantage,
        process_validation_metrics=metric_utils.process_validation_metrics,
        reward_manager=reward_manager,
        trainer_base=trainer_base,
        v1_utils=v1_utils,
    )


@pytest.fixture(scope="session", autouse=True)
def each_yaml_file_is_read_once() -> Iterator[None]:
    """Hydra parses all of verl's thirty files for every configuration, which is half of the work."""
    from hydra._internal.core_plugins import file_config_source

    read: dict[tuple[str, int, int], DictConfig] = {}

    class ReadOnce(OmegaConf):
        @staticmethod
        def load(file):
            facts = os.stat(file.name)
            key = (file.name, facts.st_mtime_ns, facts.st_size)
            if key not in read:
                read[key] = OmegaConf.load(file)
            return read[key].copy()

    patch = pytest.MonkeyPatch()
    patch.setattr(file_config_source, "OmegaConf", ReadOnce)
    yield
    patch.undo()


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
