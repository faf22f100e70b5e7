"""While training: every saved checkpoint is noted in a queue, which `mrpo evaluate --queue` works off.

verl 0.9.1 loads this class by `trainer.checkpoint_callback_class` and calls it on the driver after each save, so
nothing of verl is patched and training never waits for an evaluation. `mrpo.evaluate.queue=DIR` sets the class.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.options.tree import load_options

logger = logging.getLogger(__name__)

QUEUE = "queue.jsonl"
KEPT = (
    "data.prompt_key", "data.image_key", "data.max_prompt_length", "data.max_response_length", "data.image_patch_size",
    "data.mm_processor_kwargs", "data.apply_chat_template_kwargs", "data.custom_cls",
    "actor_rollout_ref.model.trust_remote_code", "actor_rollout_ref.model.override_config",
    "actor_rollout_ref.model.custom_chat_template", "actor_rollout_ref.rollout.dtype",
    "actor_rollout_ref.rollout.temperature", "actor_rollout_ref.rollout.top_p", "actor_rollout_ref.rollout.top_k",
    "actor_rollout_ref.rollout.max_model_len", "actor_rollout_ref.rollout.max_num_seqs",
    "actor_rollout_ref.rollout.max_num_batched_tokens", "actor_rollout_ref.rollout.enable_chunked_prefill",
    "actor_rollout_ref.rollout.enforce_eager", "actor_rollout_ref.rollout.gpu_memory_utilization",
    "actor_rollout_ref.rollout.tensor_model_parallel_size", "actor_rollout_ref.rollout.engine_kwargs.vllm",
    "actor_rollout_ref.rollout.limit_images", "mrpo",
)  # fmt: skip
"""Settings of the training that its evaluations share."""


class QueueEvaluation:
    """verl's checkpoint callback. `queued`, `not_queued`: checkpoints noted, and those that could not be, so far."""

    def __init__(self, config: DictConfig | None = None) -> None:
        self.config = config
        self.saved = self.queued = self.not_queued = 0
        self.options = load_options(None if config is None else config.get("mrpo")).evaluate

    def on_save(self, trainer: Any, global_step: int, checkpoint_dir: str, async_save: bool = False, **_: Any) -> None:
        """Note a checkpoint. An error is logged and counted; it ends the run only with mrpo.evaluate.on_error=stop."""
        self.saved += 1
        if self.options.queue is None or (self.saved - 1) % self.options.every:
            return
        try:
            entry = entry_of(self.config, step=global_step, checkpoint=checkpoint_dir, async_save=async_save)
            append(Path(self.options.queue).expanduser(), entry)
        except Exception as error:
            self.not_queued += 1
            logger.exception(
                "MRPO: the checkpoint of step %d could not be queued in mrpo.evaluate.queue=%s (%s: %s). The "
                "run goes on, unless mrpo.evaluate.on_error=stop.",
                global_step, self.options.queue, type(error).__name__, error,
            )  # fmt: skip
            if self.options.on_error == "stop":
                raise
            return
        self.queued += 1

    def metrics(self) -> dict[str, float]:
        """For verl's logger."""
        if self.options.queue is None:
            return {}
        return {
            "mrpo/evaluate/queued_total": float(self.queued),
            "mrpo/evaluate/not_queued_total": float(self.not_queued),
        }


def entry_of(config: Any, *, step: int, checkpoint: str, async_save: bool) -> dict[str, Any]:
    """A line of the queue: the checkpoint, its data, and the settings of the training that the evaluation shares."""
    options = load_options(config.get("mrpo")).evaluate
    files = options.data if options.data is not None else config.data.val_files
    files = [files] if isinstance(files, str) else list(files)
    kept: DictConfig = OmegaConf.create({})
    for name in KEPT:
        value = OmegaConf.select(config, name)
        if value is not None:
            plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            OmegaConf.update(kept, name, plain, force_add=True)
    return {
        "checkpoint": str(Path(checkpoint).expanduser().absolute()),
        "step": int(step),
        "async_save": bool(async_save),
        "data": [file if "://" in file else str(Path(file).expanduser().absolute()) for file in files],
        "arguments": list(options.arguments),
        "training": OmegaConf.to_container(kept),
    }


def append(folder: Path, entry: dict[str, Any]) -> None:
    """Add a line to the folder's queue, whole; a line that a killed process has torn is closed first."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry, allow_nan=False).encode() + b"\n"
    with (folder / QUEUE).open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
