"""Every backbone with every method: two real steps of verl on CPU each, by the example scripts.

`make test` runs two cells: the backbone that verl does not know by itself with the estimator that fails in stock verl,
and one of SFT. `make test-slow` runs all. Times and figures of each cell go to runs/tests/matrix.jsonl.
"""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

from recipe.mrpo.backbones import BACKBONES
from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import ScriptRun, assets, finite, rl_run, sft_run
from tests.integration.verl_run import ASSETS

STUDY = ("qwen2_5_vl", "qwen3_vl", "internvl3")
METHODS = ("mrpo", "grpo", "gdpo", "drgrpo", "vppo", "pgrpo")
IN_MAKE_TEST = ("internvl3", "gdpo")
STEPS = 2

# Qwen3-VL's sampling cuts off rare tokens (top-p 0.8, top-k 20), and vLLM gives the probabilities of what is left; with
# top-p 1 and no top-k the same run has 0.9998.
LEAST_CORRELATION = {"qwen2_5_vl": 0.99, "qwen3_vl": 0.95, "internvl3": 0.99}

CELLS = [
    pytest.param(b, m, marks=[pytest.mark.verl] + ([] if (b, m) == IN_MAKE_TEST else [pytest.mark.slow]))
    for b in STUDY
    for m in (METHODS if b == "qwen2_5_vl" else METHODS[:4])
]


@pytest.fixture
def note(request):
    """Write a cell's figures down, for the table in docs/architecture.md."""

    def write(backbone: str, method: str, run: ScriptRun, **figures: float) -> None:
        done = run.finished
        row = {
            "backbone": backbone, "method": method, "seconds": round(done.seconds),
            "peak_gib": round(done.peak_memory_bytes / 2**30, 1), **{k: round(v, 6) for k, v in figures.items()},
        }  # fmt: skip
        with (ASSETS.out / "matrix.jsonl").open("a") as table:
            table.write(json.dumps(row) + "\n")

    return write


@pytest.mark.parametrize(("backbone", "method"), CELLS)
def test_two_steps_with_the_arithmetic_of_the_method(backbone, method, tmp_path, note):
    run = rl_run(backbone, method, tmp_path, steps=STEPS)
    metrics = run.metrics()
    correlation = min(metrics[s]["training/rollout_actor_probs_pearson_corr"] for s in (1, STEPS))
    rows = [run.rollouts(step) for step in (1, STEPS)]
    off = max(deviation(step, method) for step in rows)
    note(backbone, method, run, correlation=correlation, deviation=off)
    assert [len(step) for step in rows] == [32, 32]
    assert all(finite(metrics[step]) for step in (1, STEPS))
    assert correlation >= LEAST_CORRELATION[backbone]
    assert metrics[STEPS]["actor/grad_norm"] > 0
    assert off < 1e-4
    # The check can fail: no other method gives these advantages.
    others = [m for m in METHODS if m != method]
    assert all(max(deviation(step, other) for step in rows) > 1e-2 for other in others)


@pytest.mark.verl
@pytest.mark.parametrize(
    "backbone", [pytest.param(b, marks=[] if b == "qwen2_5_vl" else [pytest.mark.slow]) for b in STUDY]
)
def test_two_steps_of_supervised_fine_tuning(backbone, tmp_path, note):
    run = sft_run(backbone, tmp_path, steps=STEPS)
    metrics = run.metrics()
    losses = [metrics[step]["train/loss"] for step in (1, STEPS)]
    note(backbone, "sft", run, loss=losses[-1])
    assert all(0 < loss < 20 for loss in losses)
    trained = run.out / "checkpoints" / f"global_step_{STEPS}" / "huggingface"
    before, after = (load_file(next(folder.glob("*.safetensors"))) for folder in (assets(backbone).model, trained))
    assert set(before) == set(after)
    assert any((before[name].float() != after[name].float()).any() for name in before)


@pytest.mark.verl
@pytest.mark.slow
def test_rollout_and_training_agree_on_qwen3_vl_where_sampling_cuts_nothing_off(tmp_path):
    whole = ("actor_rollout_ref.rollout.top_p=1.0", "actor_rollout_ref.rollout.top_k=-1")
    metrics = rl_run("qwen3_vl", "mrpo", tmp_path, steps=STEPS, more=whole).metrics()
    assert min(metrics[s]["training/rollout_actor_probs_pearson_corr"] for s in (1, STEPS)) >= 0.99


def test_the_matrix_has_every_backbone_of_the_study():
    assert set(STUDY) < set(BACKBONES)
