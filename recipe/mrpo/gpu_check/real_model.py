"""Three steps of a real checkpoint: measured memory and time beside the planner's estimates (docs/gpu.md)."""

from __future__ import annotations

import json
from pathlib import Path

from recipe.mrpo.backbones import BACKBONES
from recipe.mrpo.doctor.plan import memory
from recipe.mrpo.doctor.plan.settings import settings_of
from recipe.mrpo.doctor.plan.sizes import sizes_of
from recipe.mrpo.gpu_check import made
from recipe.mrpo.gpu_check.result import NotHere, Outcome
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.training import CORRELATION, peak_gib
from recipe.mrpo.gpu_check.verl_run import ACTOR, MODEL, SHORT, train, without_flash_attention
from recipe.mrpo.quickstart.stages import override
from recipe.mrpo.startup.compose import compose_config

STEPS = 3
SIDE = 896
"""Pixels: 1,024 tokens of Qwen2.5-VL."""
LORA_RANK = 32
FULL_GPUS = 8


def backbone_of(model: str) -> str:
    """The family of a checkpoint's folder. Raises NotHere for another one, or for a folder without config.json."""
    file = Path(model).expanduser() / "config.json"
    if not file.is_file():
        raise NotHere(f"config.json in {model}: give the folder of a checkpoint")
    kind = json.loads(file.read_text()).get("model_type")
    found = next((name for name, row in BACKBONES.items() if row.model_type == kind), None)
    if found is None:
        raise NotHere(f"a checkpoint of {', '.join(BACKBONES)}: {model} is a {kind}")
    return found


def overrides_for(gpus: int, backbone: str) -> dict[str, object]:
    """Settings of the study on `gpus` GPUs: LoRA on one, offloaded below eight, as the example scripts choose."""
    out: dict[str, object] = {**SHORT, "backbone": backbone, "trainer.n_gpus_per_node": gpus}
    if gpus == 1:
        out |= {f"{MODEL}.lora_rank": LORA_RANK, f"{MODEL}.lora_alpha": 2 * LORA_RANK}
        out |= {f"{MODEL}.target_modules": "all-linear", f"{MODEL}.exclude_modules": BACKBONES[backbone].vision_modules}
        out |= {f"{ACTOR}.optim.lr": "1e-5"}
    if gpus < FULL_GPUS:
        out |= {f"{ACTOR}.fsdp_config.param_offload": True, f"{ACTOR}.fsdp_config.optimizer_offload": True}
    return out | without_flash_attention()


def check(setting: Setting) -> Outcome:
    """Raises CheckFailed for a run that ends with an error, out of memory included."""
    from transformers import AutoConfig

    model = str(Path(str(setting.model)).expanduser().resolve())
    backbone, gpus = backbone_of(model), int(setting.machine["gpus"])
    overrides = overrides_for(gpus, backbone)
    words = [override(*item) for item in overrides.items()]
    config = compose_config("mrpo", [*words, "data.train_files=x", "data.val_files=x"])
    planned = (
        memory.total(memory.while_training(sizes_of(AutoConfig.from_pretrained(model)), settings_of(config))) / 1e9
    )
    rows = made.rows(setting, backbone, side=SIDE)
    run = train(setting, "real-model", rows, model, steps=STEPS, overrides=overrides).succeeded()
    found = run.metrics()
    measured = peak_gib(run) * 2**30 / 1e9
    seconds = [round(found[step]["timing_s/step"], 1) for step in sorted(found) if "timing_s/step" in found[step]]
    run.require(len(seconds) == STEPS, f"{len(seconds)} of {STEPS} steps were trained", "read the log.")
    correlation = min(step[CORRELATION] for step in found.values() if CORRELATION in step)
    figures = {
        "backbone": backbone, "gpus": gpus, "planned training GB": round(planned), "measured training GB":
        round(measured, 1), "seconds of the last step": seconds[-1], "correlation": correlation,
    }  # fmt: skip
    says = (
        f"{backbone} on {gpus} GPUs: {measured:.0f} GB while training ({planned:.0f} planned), "
        f"{seconds[-1]:.0f} s a step, correlation {correlation:.4f}"
    )
    return Outcome(says, figures)
