"""Does the installed verl still have the places that this run needs? Reads sources only, before Ray starts."""

from __future__ import annotations

import json
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.hooks import MADE_FOR, losses
from recipe.mrpo.options.tree import OptionError


def check_hooks(config: DictConfig) -> None:
    """Raise OptionError if a part of MRPO that the run needs has lost its place in verl."""
    lost = losses(conditions(config))
    if lost:
        raise OptionError(
            f"this verl is not the release that MRPO was made for ({MADE_FOR}): {' '.join(lost)} Install "
            f"verl=={MADE_FOR}; `mrpo doctor --only hooks` shows every place."
        )


def conditions(config: DictConfig) -> set[str]:
    """Names of `hooks.CONDITIONS` that hold for the run."""
    found = {
        "vllm": OmegaConf.select(config, "actor_rollout_ref.rollout.name") == "vllm"
        and config.mrpo.guards.weight_sync_timeout_s > 0,
        "internvl": _is_internvl(str(OmegaConf.select(config, "actor_rollout_ref.model.path"))),
        "separate_async": OmegaConf.select(config, "trainer.v1.trainer_mode") == "separate_async",
        "linear": OmegaConf.select(config, "actor_rollout_ref.actor.optim.lr_scheduler_type") == "linear"
        and OmegaConf.select(config, "actor_rollout_ref.actor.strategy") in ("fsdp", "fsdp2"),
    }
    return {"always", *(name for name, holds in found.items() if holds)}


def _is_internvl(model: str) -> bool:
    """By its config.json where it is a folder, by its name where it is not."""
    try:
        config = json.loads((Path(model).expanduser() / "config.json").read_text(encoding="utf-8"))
        return "internvl" in str(config.get("model_type", "")).lower()
    except (OSError, ValueError, AttributeError):
        return "internvl" in model.lower()
