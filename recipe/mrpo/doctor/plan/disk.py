"""Disk for checkpoints."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from recipe.mrpo.doctor.plan.settings import WHOLE, RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

SAVED = 3
"""Numbers a parameter in a full checkpoint: weight and two states of Adam. With LoRA verl saves the weight alone."""
DUMPS = 20e9
"""Rollouts, validation, metrics, logs, Ray's own files."""


LARGEST = 8_800_000_000
"""Parameters of the largest checkpoint of the study, Qwen3-VL-8B."""
STUDY = Path(__file__).parents[2] / "config" / "mrpo.yaml"


def disk_of_the_study(parameters: int | None) -> float:
    """Bytes of a run with the settings of config/mrpo.yaml that trains all parameters; None: the largest model."""
    kept = int(OmegaConf.load(STUDY).trainer.max_actor_ckpt_to_keep)
    return (kept + 1) * SAVED * WHOLE * (parameters or LARGEST) + DUMPS


def checkpoint_bytes(model: ModelSizes, run: RunSettings) -> float:
    return (1 if run.lora_rank else SAVED) * run.weight_bytes * model.parameters


def disk_needed(model: ModelSizes, run: RunSettings, *, steps: int) -> float:
    """Bytes: the checkpoints that are kept, one more while it is written, and the dumps.

    (kept + 1) x checkpoint + 20 GB        kept: all steps / save_freq without trainer.max_actor_ckpt_to_keep
    """
    if run.save_freq <= 0:
        return DUMPS
    saves = max(1, steps // run.save_freq)
    kept = saves if run.checkpoints_kept is None else min(saves, run.checkpoints_kept)
    return (kept + 1) * checkpoint_bytes(model, run) + DUMPS
