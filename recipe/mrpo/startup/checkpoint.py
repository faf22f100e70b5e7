"""The checkpoint of a run is tried on one model answer before anything is loaded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.doctor.checkpoint import asked_tag, try_checkpoint

logger = logging.getLogger(__name__)


def warn_of_lost_steps(config: DictConfig) -> None:
    """Warn, one sentence each, of what tokenizer and chat template would lose of a model answer.

    A checkpoint that is not on this machine yet is not tried; `mrpo doctor --model` tries it once it is.
    """
    files = OmegaConf.select(config, "data.train_files") or []
    first = files if isinstance(files, str) else next(iter(files), "")
    tag = asked_tag(Path(os.path.expanduser(str(first)))) if str(first).endswith(".parquet") else None
    path = str(OmegaConf.select(config, "actor_rollout_ref.model.path"))
    backbone = OmegaConf.select(config, "mrpo.backbone")
    for finding in try_checkpoint(path, tag, backbone):
        logger.warning("actor_rollout_ref.model.path=%s: %s", path, finding.says)
