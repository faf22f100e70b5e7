"""One real run of the quickstart for every test that reads something off it: a verl run takes minutes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from recipe.mrpo.report.run_files import dump, metrics_by_step
from tests.fake_judge_server import FakeJudgeServer
from tests.integration.verl_run import ROOT, one_at_a_time, seed_assets, wait_until

STEPS = 3
FAULTS = {"http_500": 0.12, "hang": 0.08, "prose": 0.14}
"""Shares of the judge's replies. Labels are those of the offline judge, which the other runs of verl ask."""


@dataclass(frozen=True)
class Quickstarted:
    """A finished `make quickstart QUICKSTART_ARGS=…`, with a judge at an endpoint that fails now and then."""

    out: Path
    server: FakeJudgeServer
    overrides: tuple[str, ...]

    def start(self) -> subprocess.CompletedProcess:
        arguments = ["--out", str(self.out), "--steps", str(STEPS), "--timeout", "1500", *self.overrides]
        command = [sys.executable, "-m", "recipe.mrpo.quickstart", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False)

    def metrics(self) -> dict[int, dict[str, float]]:
        return metrics_by_step(self.out)

    def rollouts(self, *steps: int) -> list[dict]:
        return [row for step in steps or range(1, STEPS + 1) for row in dump(self.out, "rollouts", step)]

    def validations(self) -> list[dict]:
        return [row for step in (0, STEPS) for row in dump(self.out, "validation", step)]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []


def verl_is_running() -> bool:
    return any("verl.trainer.main_ppo" in command_line(p) for p in psutil.process_iter())


@pytest.fixture(scope="session")
def quickstarted(tmp_path_factory):
    """It starts when no other verl run is active, or after ten minutes; other tests take its data and model."""
    out = tmp_path_factory.mktemp("quickstart")
    with FakeJudgeServer(faults=FAULTS, seed=3) as server:
        judge = {
            "name": "openai",
            "openai.base_url": server.base_url,
            "openai.model": "fake",
            "openai.timeout_s": 8,
            "openai.max_retries": 0,  # then each failed call is one failed judgement, and counts can be compared
        }
        run = Quickstarted(out, server, tuple(f"++mrpo.judge.{name}={value}" for name, value in judge.items()))
        with one_at_a_time():
            wait_until(lambda: not verl_is_running(), seconds=600)
            done = run.start()
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        seed_assets(out)
        yield run
