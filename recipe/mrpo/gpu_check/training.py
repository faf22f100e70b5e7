"""Real runs of verl's PPO trainer with tiny models: three steps, LoRA, and the correlation guard."""

from __future__ import annotations

import math
import re

from recipe.mrpo.gpu_check import made
from recipe.mrpo.gpu_check.result import Outcome
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.verl_run import MODEL, ROLLOUT, VerlRun, tiny_overrides, train
from recipe.mrpo.report.recompute import recompute
from recipe.mrpo.report.run_files import dump

CORRELATION = "training/rollout_actor_probs_pearson_corr"
MEMORY = "actor/perf/max_memory_allocated_gb"
"""GiB at the peak of an update: of the GPU, or of the worker process without one."""
LARGEST_DEVIATION = 1e-4
LORA_RANK = 8
EAGER = {f"{ROLLOUT}.enforce_eager": True}
VERSIONS = "compare versions with docs/gpu.md (`mrpo doctor --only versions`)."


def deviation(rows: list[dict]) -> float:
    """Largest difference between the advantages of a dump and the formula in plain Python."""
    worst = 0.0
    for row, (_, steps) in zip(rows, recompute(rows, tau=0.6, base=math.e), strict=True):
        given = zip(row["mrpo"]["step_advantages"], steps, strict=True)
        worst = max([worst, *(abs(a - b) for a, b in given if a is not None)])
    return worst


def figures_of(run: VerlRun, steps: int) -> dict[str, float]:
    """Seconds, memory, correlation and advantages. Raises CheckFailed where one of them cannot be right."""
    found = run.metrics()
    numbers = range(1, steps + 1)
    run.require(set(numbers) <= set(found), f"metrics of the steps {sorted(found)} only", "read the log.")
    last = found[steps]
    finite = all(math.isfinite(value) for value in last.values())
    run.require(finite, "a metric is not finite", VERSIONS)
    run.require(last["actor/grad_norm"] > 0, "the gradient is 0", "read the dumped rollouts: do they differ?")
    off = max(deviation(dump(run.out, "rollouts", step)) for step in numbers)
    run.require(off < LARGEST_DEVIATION, f"advantages differ from the formula by {off:.1e}", "report this.")
    out = {"correlation": min(found[step][CORRELATION] for step in numbers), "advantages off": off}
    out["seconds of the last step"] = round(last["timing_s/step"], 1)
    return out | {"training GiB": round(peak_gib(run), 2)}


def peak_gib(run: VerlRun) -> float:
    """Memory while training, as verl measures it, over all steps."""
    measured = [step[MEMORY] for step in run.metrics().values() if MEMORY in step]
    run.require(measured, f"verl's metrics have no {MEMORY}", "compare verl's release with docs/upstream.md.")
    return max(measured)


def said(figures: dict[str, float], steps: int) -> str:
    return (
        f"{steps} steps, the last in {figures['seconds of the last step']:g} s; rollout and training agree to "
        f"{figures['correlation']:.4f}; advantages off by {figures['advantages off']:.0e}"
    )


def three_steps(setting: Setting) -> Outcome:
    """The run as users start it, CUDA graphs included."""
    rows, model = made.rows(setting, "qwen2_5_vl"), made.tiny(setting, "qwen2_5_vl", taught=True)
    run = train(setting, "training", rows, model, steps=3, overrides=tiny_overrides(setting, "qwen2_5_vl"))
    figures = figures_of(run.succeeded(), 3)
    return Outcome(said(figures, 3), figures)


def lora(setting: Setting) -> Outcome:
    """Adapters of the language model alone, as `LORA_RANK` of the example scripts sets them."""
    from recipe.mrpo.backbones import get_backbone

    adapters = {
        f"{MODEL}.lora_rank": LORA_RANK,
        f"{MODEL}.lora_alpha": 2 * LORA_RANK,
        f"{MODEL}.target_modules": "all-linear",
        f"{MODEL}.exclude_modules": get_backbone("qwen3_vl").vision_modules,
    }
    rows, model = made.rows(setting, "qwen3_vl"), made.tiny(setting, "qwen3_vl", taught=True)
    overrides = {**tiny_overrides(setting, "qwen3_vl"), **EAGER, **adapters}
    run = train(setting, "lora", rows, model, steps=2, overrides=overrides)
    figures = figures_of(run.succeeded(), 2)
    return Outcome(said(figures, 2), figures)


def guard(setting: Setting) -> Outcome:
    """The guard is set to a correlation that bf16 cannot reach: the run must end, and say the one that was measured.

    With CUDA graphs: verl's script for InternVL's remote-code layout does without, and nobody says why.
    """
    limit = {"++mrpo.guards.min_probs_correlation": 1.0, "++mrpo.guards.on_low_correlation": "stop"}
    rows, model = made.rows(setting, "internvl3"), made.tiny(setting, "internvl3", taught=True)
    overrides = {**tiny_overrides(setting, "internvl3"), **limit}
    run = train(setting, "correlation-guard", rows, model, steps=2, overrides=overrides)
    found = re.search(rf"{CORRELATION} is (-?\d\.\d+), below", run.log.read_text(errors="replace"))
    run.require(run.exit_code != 0, "the run went on below the limit", "report this.")
    run.require(found, f"the run ended for another reason: {run.first_error()}", "read the log.")
    correlation = float(found[1]) if found else math.nan
    run.require(correlation > 0.95, f"rollout and training of InternVL3 agree to {correlation:.4f} only", VERSIONS)
    return Outcome(f"stopped the run; InternVL3's correlation was {correlation:.4f}", {"correlation": correlation})
