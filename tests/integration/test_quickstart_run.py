"""One real run of the quickstart (real verl, Ray, vLLM, FSDP2) and everything that can be read off it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from recipe.mrpo.quickstart import processes
from recipe.mrpo.quickstart import run as bounded
from recipe.mrpo.report.recompute import recompute
from recipe.mrpo.report.run_files import dump, metrics_by_step, steps_of
from recipe.mrpo.report.terminal import VALIDATION
from tests.integration.conftest import STEPS, command_line

pytestmark = pytest.mark.verl


@pytest.fixture(scope="module")
def run(quickstarted) -> Path:
    """The folder of a finished quickstart."""
    return quickstarted.out


@pytest.fixture(scope="module")
def rollouts(quickstarted) -> list[dict]:
    assert steps_of(quickstarted.out, "rollouts") == [1, 2, 3]
    return quickstarted.rollouts()


def test_every_step_has_the_metrics_of_the_method(run):
    metrics = metrics_by_step(run)
    assert list(metrics) == [0, 1, 2, 3]
    for step in (1, 2, 3):
        missing = {
            f"mrpo/{name}"
            for name in (
                "reward/answer", "reward/process", "reward/length", "wrong_answers", "steps_per_rollout", "valid_steps",
                "far",
                "tokens/up", "tokens/down", "tokens/unchanged", "unaligned_steps", "judge/calls_total",
                "judge/failures_total", "judge/latency_s",
            )
        } - set(metrics[step])  # fmt: skip
        assert not missing
        assert metrics[step]["mrpo/ffp/early"] + metrics[step]["mrpo/ffp/mid"] + metrics[step][
            "mrpo/ffp/late"
        ] == pytest.approx(1)


def test_rollout_engine_and_trained_model_agree(run):
    """0.86 is what a rollout that does not see the image looks like."""
    for step, data in metrics_by_step(run).items():
        if step:
            assert data["training/rollout_actor_probs_pearson_corr"] >= 0.99


def test_validation_runs_before_and_after_per_data_source(run):
    metrics = metrics_by_step(run)
    for step in (0, STEPS):
        for name in VALIDATION:
            assert any(key.split("/")[1:3] == ["vqa-rad", name] for key in metrics[step] if key.startswith("val-")), (
                name
            )
        assert all(row["mrpo"]["case"]["gold_reasoning"] for row in dump(run, "validation", step))


def test_the_policy_reasons_in_steps(rollouts):
    assert len(rollouts) == STEPS * 4 * 8
    assert sum(len(row["mrpo"]["steps"]) >= 2 for row in rollouts) >= len(rollouts) / 2


def test_step_advantages_are_those_of_the_formula(run):
    """Recomputed in plain Python from the rewards and labels in the dump; the dump holds what the actor was given."""
    checked = 0
    for step in range(1, STEPS + 1):
        rows = dump(run, "rollouts", step)
        for row, (advantage, expected) in zip(rows, recompute(rows, tau=0.6, base=math.e), strict=True):
            record = row["mrpo"]
            assert record["wrong"] == (record["rewards"]["answer"] <= 0.6)
            assert record["advantage"] is None or record["advantage"] == pytest.approx(advantage, rel=1e-5, abs=1e-6)
            for given, want in zip(record["step_advantages"], expected, strict=True):
                if given is not None:
                    assert given == pytest.approx(want, rel=1e-5, abs=1e-6)
                    checked += given != 0
    assert checked > 100


def test_wrong_rollouts_are_pushed_both_ways_and_harder_early(rollouts):
    wrong = [r["mrpo"] for r in rollouts if r["mrpo"]["wrong"] and len(set(r["mrpo"]["labels"] or ())) == 2]
    shaped = [r for r in wrong if r["advantage"]]
    assert shaped, "no wrong rollout with valid and invalid steps"
    assert any(a > 0 for r in shaped for a in r["step_advantages"] if a is not None)
    factors = {
        (k, len(r["steps"])): -a / abs(r["advantage"])
        for r in shaped
        for k, (a, v) in enumerate(zip(r["step_advantages"], r["labels"], strict=True), start=1)
        if not v and a is not None
    }
    assert len({round(f, 3) for f in factors.values()}) >= 3, "penalties do not depend on the position"
    for (k, count), factor in factors.items():
        assert factor == pytest.approx(math.exp(1 - (k - 1) / (count - 1)) if count > 1 else 1.0, rel=1e-4)


def test_a_checkpoint_per_step_and_an_export_that_loads(run):
    assert (run / "checkpoints" / "latest_checkpointed_iteration.txt").read_text() == str(STEPS)
    code = (
        "from recipe.mrpo.cpu import activate; activate()\n"
        "import sys, transformers\n"
        "model = transformers.AutoModelForImageTextToText.from_pretrained(sys.argv[1])\n"
        "print(type(model).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(run / "export")],
        env={**os.environ, "VERL_PLATFORM": "cpu"}, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == "Qwen2_5_VLForConditionalGeneration"


def test_nothing_of_the_run_is_left(run):
    assert not (run / ".run_id").exists()
    left = [p.pid for p in psutil.process_iter() if str(run) in " ".join(command_line(p))]
    assert left == []


def test_it_stays_within_the_memory_of_a_laptop(run):
    result = json.loads((run / "result.json").read_text())
    assert 1e9 < result["peak_memory_bytes"] < 12 * 2**30


def test_a_second_start_reuses_everything(quickstarted, run):
    before = (run / "result.json").read_text()
    done = quickstarted.start()
    assert done.returncode == 0, done.stderr[-2000:]
    assert "finished before, at step 3" in done.stdout
    assert (run / "result.json").read_text() == before


def test_processes_of_a_killed_attempt_are_stopped_at_the_next_start(tmp_path):
    sleeper = subprocess.Popen(
        ["sleep", "600"], env={**os.environ, processes.RUN_ID: "left-over"}, start_new_session=True
    )
    (tmp_path / ".run_id").write_text("left-over")
    assert bounded.clean_up_previous(tmp_path / ".run_id") == 1
    assert sleeper.wait(timeout=300) != 0
    assert not (tmp_path / ".run_id").exists()
