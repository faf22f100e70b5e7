"""What `--model` names: a checkpoint of verl's, a Hugging Face folder, or a name of the hub; and its hash."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mrpo.doctor.levels import names_of_tensors
from recipe.mrpo.evaluate.phases.questions import file_hash
from recipe.mrpo.evaluate.phases.tasks import fingerprint

logger = logging.getLogger(__name__)

ACTOR, EXPORT, ADAPTER = "actor", "huggingface", "lora_adapter"
HASHED = (".safetensors", ".bin", ".pt", ".json", ".jinja", ".model", ".txt", ".distcp")
"""Endings of the files that decide what a model says; optimiser states are left out."""


class CheckpointGone(ValueError):
    """The folder that was named is not there (any more)."""


@dataclass(frozen=True)
class Checkpoint:
    """`folder`: what the hash is taken of; `shards`: the actor folder of verl's that must be merged first, or None."""

    kind: str
    folder: Path
    config: Path
    """Folder with config.json, tokenizer and processor."""
    shards: Path | None = None
    backend: str = "fsdp"

    @property
    def model_type(self) -> str | None:
        try:
            return json.loads((self.config / "config.json").read_text(encoding="utf-8")).get("model_type")
        except (OSError, ValueError, AttributeError):
            return None


def find_checkpoint(name: str) -> Checkpoint:
    """The checkpoint that a path or a name of the hub stands for. Raises ValueError with a sentence on what to name."""
    folder = Path(os.path.expanduser(name))
    if not folder.exists():
        if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
            raise CheckpointGone(f"--model {name} does not exist.")
        return _of_the_hub(name)
    if not folder.is_dir():
        raise ValueError(f"--model {name} is a file; name the folder of a checkpoint.")
    actor = folder / ACTOR if (folder / ACTOR).is_dir() else folder
    shards = sorted(actor.glob("model_world_size_*_rank_*.pt"))
    megatron = (actor / "dist_ckpt").is_dir()
    export = actor / EXPORT
    # actor.checkpoint.save_contents has hf_model. With LoRA verl writes adapters into it that no loader applies.
    if export.is_dir() and _has_weights(export) and not any(map(_of_an_adapter, names_of_tensors(export))):
        return Checkpoint("verl", export, export)
    if shards or megatron:
        _refuse_half_written(actor, shards)
        config = export if (export / "config.json").is_file() else actor
        return Checkpoint("verl", actor, config, shards=actor, backend="megatron" if megatron else "fsdp")
    if (folder / "config.json").is_file() and _has_weights(folder):
        return Checkpoint("huggingface", folder, folder)
    raise ValueError(
        f"--model {name} is neither a checkpoint of verl's (global_step_N, or its folder actor) nor a Hugging Face "
        "folder with config.json and weights."
    )


def _of_the_hub(name: str) -> Checkpoint:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=[f"*{ending}" for ending in HASHED]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointGone(f"--model {name} is not a folder, and the hub does not give it: {reason}") from error
    return Checkpoint("huggingface", folder, folder)


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))


def _refuse_half_written(actor: Path, shards: list[Path]) -> None:
    """Raise ValueError if a rank's shard is missing: verl was killed while it saved, or is saving."""
    for first in shards[:1]:
        world = int(first.name.split("_")[3])
        missing = [r for r in range(world) if not (actor / f"model_world_size_{world}_rank_{r}.pt").is_file()]
        if missing:
            raise ValueError(f"{actor} lacks the shards of ranks {missing}; it was not saved to the end.")


def checkpoint_hash(checkpoint: Checkpoint, seen: Mapping[str, Any]) -> tuple[str, dict[str, list[Any]]]:
    """(hash of all files that decide what the model says, what was seen of them).

    `seen` of an earlier call spares reading a file whose size and time of change are the same: a model has gigabytes,
    and a finished evaluation must end at once.
    """
    found: dict[str, list[Any]] = {}
    for file in sorted(checkpoint.folder.rglob("*")):
        name = str(file.relative_to(checkpoint.folder))
        if not file.is_file() or not name.endswith(HASHED) or Path(name).name.startswith(("optim", "extra_state")):
            continue
        stat = file.stat()
        known = seen.get(name)
        same = known is not None and known[:2] == [stat.st_size, stat.st_mtime_ns]
        found[name] = [stat.st_size, stat.st_mtime_ns, known[2] if same else file_hash(file)]
    return fingerprint({name: entry[2] for name, entry in found.items()}), found


def merged_folder(checkpoint: Checkpoint, out: Path) -> Path:
    """The folder that an engine loads: the checkpoint itself, or what verl's own merger makes of its shards in `out`.

    A merge that was interrupted begins anew. Raises CheckpointGone if the checkpoint is deleted meanwhile, ValueError
    if it cannot be merged.
    """
    if checkpoint.shards is None:
        return checkpoint.config
    target = out / "merged"
    if target.is_dir():
        return target
    partial, log = out / "merged.partial", out / "merge.log"
    shutil.rmtree(partial, ignore_errors=True)
    command = [
        sys.executable, "-m", "verl.model_merger", "merge", "--backend", checkpoint.backend, "--local_dir",
        str(checkpoint.shards), "--target_dir", str(partial),
    ]  # fmt: skip
    print(f"merging {checkpoint.shards}", file=sys.stderr, flush=True)
    with log.open("wb") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if (partial / ADAPTER).is_dir() and checkpoint.shards.is_dir():
        refuse_adapter(partial, checkpoint.shards)  # verl's merger may fail at one, without saying why
    if code:
        if not checkpoint.shards.is_dir():
            raise CheckpointGone(f"{checkpoint.shards} was deleted while it was merged.")
        raise ValueError(f"{checkpoint.shards} cannot be merged (verl.model_merger ended with {code}); see {log}.")
    if (partial / ADAPTER).is_dir():
        _fold_in_adapter(partial)
    partial.rename(target)
    return target


def _of_an_adapter(name: str) -> bool:
    return "lora_" in name


def refuse_adapter(merged: Path, shards: Path) -> None:
    """Raise ValueError for an adapter without its scale or without the model it belongs to: merging would lose it."""
    if not names_of_tensors(merged):
        raise ValueError(
            f"{shards} holds a LoRA adapter alone (actor.checkpoint.save_lora_only=True), without the model that it "
            f"was trained on; add {merged / ADAPTER} to that model (peft's merge_and_unload), and name the result."
        )
    if not json.loads((merged / ADAPTER / "adapter_config.json").read_text(encoding="utf-8")).get("lora_alpha"):
        raise ValueError(
            f"{shards} does not say how its LoRA adapter is scaled, so the answers would be those of the model before "
            'training; write {"r": R, "lora_alpha": A}, the run\'s model.lora_rank and model.lora_alpha, into '
            f"{shards / 'lora_train_meta.json'}."
        )


def _fold_in_adapter(folder: Path) -> None:
    """Add a LoRA adapter, which verl's merger keeps apart, to the base weights: else the base model would answer."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(folder, torch_dtype=torch.bfloat16)
    model = PeftModel.from_pretrained(base, str(folder / ADAPTER))
    model.merge_and_unload().save_pretrained(folder)
    (folder / ADAPTER).rename(folder / f"{ADAPTER}.merged")
