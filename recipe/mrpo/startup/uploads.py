"""Does verl itself upload texts of the rows, when a row must not leave this machine?"""

from __future__ import annotations

import os

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import OptionError

LOGGERS = ("wandb", "tracking", "vemlp_wandb", "swanlab", "clearml", "mlflow", "trackio")
"""Loggers of verl 0.9.1 that may send validation generations to another machine (ValidationGenerationsLogger)."""
TRACERS = ("weave", "mlflow", "trackio")
_LOCAL_MODES = {"wandb": "WANDB_MODE", "tracking": "WANDB_MODE", "swanlab": "SWANLAB_MODE"}


def check_uploads(config: DictConfig) -> None:
    """Raise OptionError if a logger or tracer would upload prompts and answers of rows marked may_leave_machine=false.

    A service that its own variable keeps on this machine (WANDB_MODE=offline, MLFLOW_TRACKING_URI=sqlite:///...) is
    none.
    """
    loggers = OmegaConf.select(config, "trainer.logger") or []
    loggers = [loggers] if isinstance(loggers, str) else list(loggers)
    shown = OmegaConf.select(config, "trainer.log_val_generations") or 0
    remote = next((name for name in loggers if name in LOGGERS and not _stays_here(name)), None)
    if shown and remote is not None:
        raise OptionError(
            f"trainer.logger={remote} with trainer.log_val_generations={shown} would upload rows marked "
            "may_leave_machine=false; set trainer.log_val_generations=0 (trainer.validation_data_dir writes them to a "
            "local folder)."
        )
    for node in ("actor_rollout_ref.rollout.trace", "actor_rollout_ref.rollout.agent.trace"):
        backend = OmegaConf.select(config, f"{node}.backend")
        if backend is not None and not (backend in TRACERS and _stays_here(backend)):
            raise OptionError(
                f"{node}.backend={backend} would upload rows marked may_leave_machine=false; set {node}.backend=null "
                "(trainer.rollout_data_dir writes them to a local folder)."
            )


def _stays_here(service: str) -> bool:
    if service == "mlflow":
        place = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:////tmp/mlruns.db")  # verl's default
        return place.startswith(("sqlite:", "file:")) or ("://" not in place and place != "databricks")
    if service == "trackio":
        return not os.environ.get("TRACKIO_SPACE_ID")
    variable = _LOCAL_MODES.get(service)
    return variable is not None and os.environ.get(variable, "").lower() in ("offline", "disabled", "local")
