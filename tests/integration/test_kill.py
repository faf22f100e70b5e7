"""What is killed with SIGKILL: the driver (the next start resumes) and the rollout engine (the job ends by itself)."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid

import pytest

from recipe.mrpo.quickstart import processes
from recipe.mrpo.quickstart import run as bounded
from tests.fake_judge_server import FakeJudgeServer

from .verl_run import Run, command, environment, make_assets, named, one_at_a_time, wait_until

pytestmark = [pytest.mark.verl, pytest.mark.slow]

LIMIT_S = 20
QUIET = {"trainer.val_before_train": False, "trainer.test_freq": -1}


def start(run: Run) -> tuple[subprocess.Popen, processes.RunProcesses]:
    """The command as a user types it: nothing watches it and Ray has its usual folder."""
    run.attempt += 1
    run_id = uuid.uuid4().hex
    with run.log.open("wb") as log:
        driver = subprocess.Popen(
            command(run.out, steps=run.steps, overrides=run.overrides),
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env=environment(**{processes.RUN_ID: run_id, "VERL_FILE_LOGGER_PATH": str(run.metrics_file)}),
        )  # fmt: skip
    return driver, processes.RunProcesses(run_id, session=driver.pid)


def test_a_killed_driver_leaves_no_process_and_the_next_start_resumes(tmp_path):
    make_assets()
    run = Run(tmp_path / "run", steps=3, overrides=QUIET)
    with one_at_a_time():
        driver, processes = start(run)
        try:
            # The checkpoint of step 1 is there, so step 2 is under way.
            assert wait_until(lambda: run.last_checkpoint() == 1 or driver.poll() is not None, seconds=400), run.tail()
            assert driver.poll() is None, run.tail()
            assert len(processes.find()) > 5  # from here on it knows them, whatever becomes of their parents
            driver.kill()
            driver.wait()
            assert run.last_checkpoint() == 1
            alone = wait_until(lambda: not processes.find(), seconds=120)
            left = [] if alone else [" ".join(p.cmdline())[:120] for p in processes.find()]
            assert left == []
        finally:
            processes.stop()

        driver, processes = start(run)
        try:
            assert wait_until(lambda: driver.poll() is not None, seconds=400), run.tail()
            assert driver.returncode == 0, run.tail()
            assert wait_until(lambda: not processes.find(), seconds=60)
        finally:
            processes.stop()
    assert sorted(step for step, values in run.metrics().items() if "mrpo/wrong_answers" in values) == [2, 3]
    assert run.last_checkpoint() == 3


def kill_engine(run: Run) -> float:
    engines = named(run.processes(), "EngineCore")
    assert engines, [p.name() for p in run.processes()]
    for engine in engines:
        engine.kill()
    return time.monotonic()


def check_end(run: Run, finished: bounded.Finished, killed: list[float]) -> None:
    assert killed, run.tail()
    took = time.monotonic() - killed[0]
    assert not finished.timed_out
    assert finished.exit_code not in (0, None)
    assert took < LIMIT_S + 60, f"{took:.0f} s after the kill"  # the limit, and Ray's shutdown on a busy machine


def test_an_engine_killed_while_it_generates_ends_the_job(tmp_path):
    make_assets()
    run = Run(tmp_path / "run", steps=6, overrides={**QUIET, "+mrpo.guards.weight_sync_timeout_s": LIMIT_S})
    killed: list[float] = []

    def on_line(line: str) -> None:
        if "step:1 " in line and not killed:
            killed.append(kill_engine(run))

    check_end(run, run.go(timeout=500, on_line=on_line), killed)


def test_an_engine_killed_while_the_model_trains_ends_the_job_within_the_weight_sync_limit(tmp_path):
    """The next thing that asks the engine is then the weight sync, where verl by itself would wait for ever."""
    make_assets()
    with FakeJudgeServer() as server:
        judge = {"name": "openai", "openai.base_url": server.base_url, "openai.model": "fake"}
        run = Run(
            tmp_path / "run",
            steps=6,
            overrides={**QUIET, "+mrpo.guards.weight_sync_timeout_s": LIMIT_S, "trainer.save_freq": -1}
            | {f"+mrpo.judge.{name}": value for name, value in judge.items()},
        )
        killed: list[float] = []

        def watch() -> None:
            """Kill when the judge has had all the rollouts of step 1: 32 of them, and then a second of silence."""
            while not done.wait(0.05):
                if len(server.times) >= 16 and time.monotonic() - server.times[-1] > 1:
                    killed.append(kill_engine(run))
                    return

        done = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            finished = run.go(timeout=500)
        finally:
            done.set()
            watcher.join()
    check_end(run, finished, killed)
    assert "the rollout engine did not take the new weights within 20 s" in run.log.read_text(errors="replace")
