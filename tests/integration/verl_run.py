"""Real, bounded verl runs on CPU for tests: the quickstart's data, tiny model and command, other overrides.

Two runs at once on a small machine only time out together, so a lock file lets them go one after the other.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from recipe.mrpo.quickstart import processes, stages
from recipe.mrpo.quickstart import run as bounded
from recipe.mrpo.tiny.build import MANIFEST

ROOT = Path(__file__).parents[2]
ASSETS = stages.Layout(ROOT / "runs" / "tests")
"""Data and tiny model, made once for a checkout (`make clean` removes them)."""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    ASSETS.out.mkdir(parents=True, exist_ok=True)
    with (ASSETS.out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@functools.cache
def make_assets() -> stages.Layout:
    """The sample as parquet, and a tiny Qwen2.5-VL that answers in steps (a minute, when data or builder change)."""
    with one_at_a_time():
        for command in (stages.data_command(ASSETS), stages.model_command(ASSETS, seed=0)):
            subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=600)
    return ASSETS


def seed_assets(out: Path) -> None:
    """Data and tiny model of a quickstart's folder in the place of `ASSETS`, unless a current model is there."""
    made = stages.Layout(out)
    with one_at_a_time():
        if stages.model_is_current(made, seed=0) and not _has_model_of(made):
            for source, target in ((made.data, ASSETS.data), (made.model, ASSETS.model)):
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target)


def _has_model_of(made: stages.Layout) -> bool:
    ours, theirs = (layout.model / MANIFEST for layout in (ASSETS, made))
    return ours.is_file() and ours.read_bytes() == theirs.read_bytes()


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1", **more}


def command(out: Path, *, steps: int, overrides: dict[str, object]) -> list[str]:
    """The quickstart's training command with files below `out` and some overrides replaced or added."""
    words = stages.training_command(stages.Layout(out), steps=steps, seed=0, extra=[])
    assets = {
        "data.train_files": ASSETS.data / "train.parquet",
        "data.val_files": ASSETS.data / "test.parquet",
        "actor_rollout_ref.model.path": ASSETS.model,
    }
    changed = {name: str(value) for name, value in {**assets, **overrides}.items()}
    bare = {name.lstrip("+") for name in changed}
    kept = [w for w in words if "=" not in w or w.partition("=")[0].lstrip("+") not in bare]
    return kept + [f"{name}={value}" for name, value in changed.items()]


@dataclass
class Run:
    """A run and what it has left in `out`."""

    out: Path
    steps: int
    overrides: dict[str, object] = field(default_factory=dict)
    attempt: int = 0

    def __post_init__(self):
        self.out.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        return self.out / f"log_{self.attempt}"

    @property
    def run_id_file(self) -> Path:
        return self.out / ".run_id"

    def go(self, *, timeout: float, on_line: Callable[[str], None] = lambda line: None) -> bounded.Finished:
        """Run to the end, bounded; no process is left afterwards."""
        self.attempt += 1
        with one_at_a_time():
            return bounded.run(
                command(self.out, steps=self.steps, overrides=self.overrides),
                log=self.log,
                env=environment(VERL_FILE_LOGGER_PATH=str(self.metrics_file)),
                timeout=timeout,
                run_id_file=self.run_id_file,
                on_line=on_line,
            )

    @property
    def metrics_file(self) -> Path:
        return self.out / f"metrics_{self.attempt}.jsonl"

    def metrics(self) -> dict[int, dict[str, float]]:
        """What verl's file logger wrote in the last attempt, by step."""
        lines = [json.loads(line) for line in self.metrics_file.read_text().splitlines()]
        return {line["step"]: line["data"] for line in lines}

    def rollouts(self, step: int) -> list[dict]:
        return [json.loads(line) for line in (self.out / "rollouts" / f"{step}.jsonl").read_text().splitlines()]

    def last_checkpoint(self) -> int:
        return stages.Layout(self.out).last_step()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def processes(self) -> set[psutil.Process]:
        return processes.RunProcesses(self.run_id_file.read_text().strip()).find()


def named(processes: Iterable[psutil.Process], part: str) -> list[psutil.Process]:
    """Those whose command line (or title) has `part` in it."""
    found = []
    for one in processes:
        try:
            if part in " ".join(one.cmdline()) or part in one.name():
                found.append(one)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def wait_until(true: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.5)
    return true()
