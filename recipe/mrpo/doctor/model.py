"""Is the model one that verl can train with this recipe, and is it complete?"""

from __future__ import annotations

import json
import os
from pathlib import Path

from recipe.mrpo.backbones import BACKBONES, get_backbone
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.doctor.checkpoint import try_checkpoint

REMOTE_CODE = "internvl_chat"
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # both are huggingface_hub's, which reads these values as true


def check_model(path: str, backbone: str | None = None) -> Check:
    """`path`: value of actor_rollout_ref.model.path, a folder or a hub id; `backbone`: your own row, if it has one."""
    folder = Path(os.path.expanduser(path))
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            return Check("model", False, f"{path} is a file, not the folder of a checkpoint",
                         "set --model (MODEL_PATH) to the folder with config.json.")  # fmt: skip
        if path.count("/") != 1 or path.startswith(("/", "~", ".")):  # a hub id is owner/name
            return Check(
                "model",
                False,
                f"there is no folder {path}",
                "correct --model (MODEL_PATH).",
            )
        return _hub(path)
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        do = "give the folder of a Hugging Face checkpoint; verl.model_merger converts a checkpoint of verl."
        return Check("model", False, f"{path}/config.json cannot be read: {error}", do)
    if backbone is not None:
        try:
            row = get_backbone(backbone)
        except ValueError as error:
            return Check("model", False, str(error), "correct mrpo.backbone.")
        if config_type(config) == row.model_type:
            return _files(path, folder, config, backbone)
    return check_config(path, config) if _kind(config) is None else _files(path, folder, config)


def check_response_format(path: str, asked_tag: str | None = None, backbone: str | None = None) -> list[Check]:
    """What tokenizer and chat template of the checkpoint in a folder would lose of a model answer; [] for nothing.

    `asked_tag`: the think tag in the prompts of the data. A checkpoint that is not on this machine is not tried.
    """
    do = {True: "correct the checkpoint's tokenizer or chat template, or take another checkpoint.", False: ""}
    found = try_checkpoint(path, asked_tag, backbone)
    return [Check("response format", not one.loses, one.says, do[one.loses]) for one in found]


def config_type(config: object) -> object:
    """`model_type` of a config.json; None where it has none."""
    return config.get("model_type") if isinstance(config, dict) else None


def _kind(config: object) -> str | None:
    """Name of the backbone of a config; None for any other."""
    kind = config_type(config)
    return next((name for name, row in BACKBONES.items() if row.model_type == kind), None)


def check_config(path: str, config: object, backbone: str | None = None) -> Check:
    """The config is that of a known backbone."""
    name = backbone or _kind(config)
    if name is not None:
        return Check("model", True, f"{path} is {name}")
    kind = config_type(config)
    if kind == REMOTE_CODE:
        return Check("model", False, f"{path} is InternVL in its remote-code layout ({REMOTE_CODE}), which verl cannot "
                     "train", f"take the HF-native layout, e.g. {BACKBONES['internvl3'].checkpoint}.")  # fmt: skip
    return Check("model", False, f"{path} is a {kind}, not a backbone of this recipe ({', '.join(BACKBONES)})",
                 "take one of these, or name your own row, mrpo.backbone=module:ROW (docs/own_parts.md).")  # fmt: skip


def _files(path: str, folder: Path, config: dict, backbone: str | None = None) -> Check:
    """All weight files that the index names, a processor and a tokenizer."""
    wanted = {"preprocessor_config.json": ("preprocessor_config.json", "processor_config.json"),
              "tokenizer": ("tokenizer.json", "tokenizer.model", "vocab.json")}  # fmt: skip
    missing = [name for name, files in wanted.items() if not any((folder / file).is_file() for file in files)]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = sorted({Path(shard).name for shard in json.loads(index.read_text())["weight_map"].values()})
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            return Check("model", False, f"{index} cannot be read: {error}", "download the checkpoint anew.")
        missing += [shard for shard in shards if not (folder / shard).is_file()]
    elif not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        return Check("model", False, f"{path} lacks {', '.join(missing[:5])}", "download the checkpoint anew.")
    return check_config(path, config, backbone)


def _hub(path: str) -> Check:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(path, "config.json")
    except HFValidationError:
        return Check("model", False, f"{path} is neither a folder nor a name that the hub can have",
                     "correct --model (MODEL_PATH).")  # fmt: skip
    if isinstance(cached, str):
        try:
            return check_config(path, json.loads(Path(cached).read_text()))
        except (OSError, ValueError) as error:
            return Check("model", False, f"{cached} cannot be read: {error}", f"download it again: hf download {path}.")
    offline = [name for name in OFFLINE if os.environ.get(name, "").lower() in ("1", "on", "yes", "true")]
    if offline:
        return Check("model", False, f"{path} is neither a folder nor in the hub's cache, and {offline[0]} is set",
                     f"download it first, without {offline[0]}: hf download {path}.")  # fmt: skip
    known = [name for name, row in BACKBONES.items() if path in (row.checkpoint, row.base_checkpoint)]
    return Check("model", None, f"{path} is not on this machine yet" + (f" ({known[0]})" if known else ""))
