"""Are the settings of this run those of its checkpoint's family?"""

from __future__ import annotations

import json
import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.backbones import BACKBONES, get_backbone
from recipe.mrpo.options.tree import OptionError


def config_file(path: str) -> Path | None:
    """`config.json` of a checkpoint: in its folder, or in the hub's cache on this machine; None if it is in neither."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    folder = Path(os.path.expanduser(path))
    if folder.is_dir():
        return folder / "config.json" if (folder / "config.json").is_file() else None
    try:
        found = try_to_load_from_cache(path, "config.json")
    except HFValidationError:  # neither a folder nor a name of the hub
        return None
    return Path(found) if isinstance(found, str) else None


def check_backbone(config: DictConfig, options: DictConfig) -> None:
    """Raise OptionError if `mrpo.backbone`, which the group `backbone` sets, is another family than the checkpoint's.

    Sampling, image sizes and lengths would then be those of another model. A checkpoint that is not on this machine yet
    is not looked at.
    """
    if options.backbone is None:
        return
    try:
        row = get_backbone(options.backbone)
    except ValueError as error:
        raise OptionError(f"mrpo.backbone: {error}") from error
    path = str(OmegaConf.select(config, "actor_rollout_ref.model.path"))
    file = config_file(path)
    if file is None:
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise OptionError(f"{file} cannot be read: {error}; correct actor_rollout_ref.model.path.") from error
    if found == row.model_type:
        return
    match = next((name for name, other in BACKBONES.items() if other.model_type == found), "none")
    raise OptionError(
        f"{path} is a checkpoint of {found}, and the settings are those of {options.backbone}; set backbone={match} "
        "(BACKBONE of the example scripts)."
    )
