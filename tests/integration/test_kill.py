"""What is killed with SIGKILL: the driver (the next start resumes) and the rollout engine (the job ends by itself)."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from recipe.mrpo.quickstart import process

from .verl_run import Run, command, environment, make_assets, named, one_at_a_time, wait_until

pytestmark = [pytest.mark.verl, pytest.mark.slow]

LIMIT_S = 20
QUIET = {"trainer.val_before_train": False, "trainer.test_freq": -1}


def test_a_killed_driver_leaves_nothing_behind_and_the_next_start_resumes(tmp_path):
    make_assets()
    run = Run(tmp_path / "run", steps=3, overrides=QUIET)
    run_id = "kill-" + tmp_path.name
    run.run_id_file.write_text(run_id)
    with one_at_a_time(), run.log.open("wb") as log:
        driver = subprocess.Popen(
            command(run.out, steps=run.steps, overrides=run.overrides),
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env=environment(**{process.RUN_ID: run_id}),
        )  # fmt: skip
        try:
            # The checkpoint of step 1 is there, so step 2 is under way.
            assert wait_until(lambda: run.last_checkpoint() == 1 or driver.poll() is not None, seconds=400), run.tail()
            assert driver.poll() is None, run.tail()
            time.sleep(2)
            assert run.last_checkpoint() == 1
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            alone = wait_until(lambda: not run.processes(), seconds=90)
            left = [] if alone else [" ".join(p.cmdline())[:120] for p in run.processes()]
        finally:
            process.stop_all(run_id)
    assert left == []

    steps = []
    finished = run.go(timeout=400, on_line=lambda line: steps.append(line) if "Training Progress" in line else None)
    assert finished.exit_code == 0, run.tail()
    assert sorted(step for step, values in run.metrics().items() if "mrpo/wrong_answers" in values) == [2, 3]
    assert run.last_checkpoint() == 3


def test_a_killed_rollout_engine_ends_the_job_within_the_limit(tmp_path):
    make_assets()
    run = Run(tmp_path / "run", steps=6, overrides={**QUIET, "+mrpo.guards.weight_sync_timeout_s": LIMIT_S})
    killed: list[float] = []

    def on_line(line: str) -> None:
        if "step:1 " in line and not killed:
            engines = named(run.processes(), "EngineCore")
            assert engines, [p.name() for p in run.processes()]
            for engine in engines:
                engine.kill()
            killed.append(time.monotonic())

    finished = run.go(timeout=500, on_line=on_line)
    assert killed, run.tail()
    took = time.monotonic() - killed[0]
    assert not finished.timed_out
    assert finished.exit_code not in (0, None)
    assert took < LIMIT_S + 60, f"{took:.0f} s after the kill"  # the limit, and Ray's shutdown on a busy machine
