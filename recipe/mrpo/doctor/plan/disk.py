"""Disk for checkpoints."""

from __future__ import annotations

from recipe.mrpo.doctor.plan.settings import RunSettings
from recipe.mrpo.doctor.plan.sizes import ModelSizes

BYTES_PER_PARAMETER = 12
"""A full checkpoint: fp32 weights and two states of Adam."""
LORA_BYTES_PER_PARAMETER = 4
"""verl saves the fp32 weights with the adapters."""
DUMPS = 20e9
"""Rollouts, validation, metrics, logs, Ray's own files."""


def checkpoint_bytes(model: ModelSizes, run: RunSettings) -> float:
    return (LORA_BYTES_PER_PARAMETER if run.lora_rank else BYTES_PER_PARAMETER) * model.parameters


def disk_needed(model: ModelSizes, run: RunSettings, *, steps: int) -> float:
    """Bytes: the checkpoints that are kept, one more while it is written, and the dumps.

    (kept + 1) x checkpoint + 20 GB        kept: all steps / save_freq without trainer.max_actor_ckpt_to_keep
    """
    if run.save_freq <= 0:
        return DUMPS
    saves = max(1, steps // run.save_freq)
    kept = saves if run.checkpoints_kept is None else min(saves, run.checkpoints_kept)
    return (kept + 1) * checkpoint_bytes(model, run) + DUMPS
