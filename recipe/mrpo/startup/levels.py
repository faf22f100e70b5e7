"""Do both levels of the checkpoint's configuration say the same, as this run reads them?"""

from __future__ import annotations

import logging

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.doctor.levels import layers_are_one, levels_of, other_disagreements, run_changes, tie_disagreement
from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.backbone import config_file

logger = logging.getLogger(__name__)


def check_levels(config: DictConfig) -> None:
    """Raise OptionError where vLLM or the trainer would take another output layer than the checkpoint's.

    Other differences between the levels are logged. A checkpoint that is not on this machine yet, or that transformers
    cannot read, is not looked at: verl itself tells the latter.
    """
    if OmegaConf.select(config, "actor_rollout_ref.rollout.name") != "vllm":
        return
    file = config_file(str(OmegaConf.select(config, "actor_rollout_ref.model.path")))
    if file is None:
        return
    from transformers import AutoConfig

    try:
        given = AutoConfig.from_pretrained(str(file.parent), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning(
            "actor_rollout_ref.model.path=%s: transformers cannot read its config.json (%s), so it is not checked "
            "whether vLLM and the trainer read it alike.", file.parent, type(error).__name__,
        )  # fmt: skip
        return
    sampled, trained = run_changes(config)
    levels = levels_of(given, sampled=sampled, trained=trained, tied=layers_are_one(file.parent))
    found = tie_disagreement(levels)
    if found:
        raise OptionError(f"actor_rollout_ref.model.path={file.parent}: {found[0]}; {found[1]}")
    for sentence in other_disagreements(levels):
        logger.warning("actor_rollout_ref.model.path=%s: %s", file.parent, sentence)
