"""Figures of a finished run, read from the files that verl leaves: a run that trained, and runs that did not."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.gpu_check.result import CheckFailed
from recipe.mrpo.gpu_check.training import CORRELATION, MEMORY, figures_of, said
from recipe.mrpo.gpu_check.verl_run import VerlRun

GOOD = {"actor/grad_norm": 0.4, CORRELATION: 0.9999, "timing_s/step": 26.14, MEMORY: 1.25}


def row(uid: str, answer: float, labels: list[int], given: list[float]) -> dict:
    record = {
        "steps": ["A step."] * len(labels), "labels": labels, "judge_status": "ok", "answer": "yes",
        "wrong": answer <= 0.6, "rewards": {"answer": answer}, "weights": {"answer": 1.0}, "step_advantages": given,
    }  # fmt: skip
    return {"uid": uid, "score": answer, "input": "", "output": "", "gts": "yes", "mrpo": record}


@pytest.fixture
def run(tmp_path):
    """A run of two steps: a right rollout (A = 1/sqrt 2) and a wrong one whose second step is invalid."""
    a = 0.5 / (0.5**0.5 + 1e-4)

    def write(change=None, *, off: float = 0.0, log: str = "", exit_code: int = 0) -> VerlRun:
        (tmp_path / "metrics").mkdir(exist_ok=True)
        (tmp_path / "rollouts").mkdir(exist_ok=True)
        lines = [{"step": step, "data": {**GOOD, **(change or {})}} for step in (1, 2)]
        lines = [{**one, "data": {k: v for k, v in one["data"].items() if v is not None}} for one in lines]
        (tmp_path / "metrics" / "run.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        rows = [row("u_0_0", 1.0, [1], [a]), row("u_1_0", 0.0, [1, 0], [a + off, -a])]
        for step in (1, 2):
            text = "".join(json.dumps(one) + "\n" for one in rows)
            (tmp_path / "rollouts" / f"{step}.jsonl").write_text(text)
        (tmp_path / "log").write_text(log)
        return VerlRun(tmp_path, exit_code)

    return write


def test_a_run_that_trained_has_its_figures(run):
    figures = figures_of(run().succeeded(), 2)
    assert figures["correlation"] == 0.9999 and figures["training GiB"] == 1.25
    assert figures["advantages off"] < 1e-9
    assert said(figures, 2).startswith("2 steps, the last in 26.1 s; rollout and training agree to 0.9999")


@pytest.mark.parametrize(
    ("change", "off", "says", "why"),
    [
        ({"actor/grad_norm": 0.0}, 0.0, "the gradient is 0", "nothing was learned"),
        ({"actor/grad_norm": float("inf")}, 0.0, "a metric is not finite", "an overflow in bf16"),
        ({MEMORY: None}, 0.0, f"no {MEMORY}", "a figure that is not known is not 0"),
        ({}, 0.01, "advantages differ from the formula by 1.0e-02", "shaping went wrong"),
    ],
)
def test_a_figure_that_cannot_be_right_is_a_failure(run, change, off, says, why):
    with pytest.raises(CheckFailed, match=says):
        figures_of(run(change, off=off), 2)


def test_steps_that_are_missing_are_a_failure(run):
    with pytest.raises(CheckFailed, match=r"metrics of the steps \[1, 2\] only"):
        figures_of(run(), 3)


def test_a_run_that_ended_with_an_error_says_its_first_one(run):
    log = "noise\n(WorkerDict pid=12) torch.OutOfMemoryError: CUDA out of memory.\nRuntimeError: later\n"
    with pytest.raises(CheckFailed) as failed:
        run(log=log, exit_code=1).succeeded()
    assert "exit code 1: torch.OutOfMemoryError: CUDA out of memory." in failed.value.says
    assert "mrpo doctor" in failed.value.do
