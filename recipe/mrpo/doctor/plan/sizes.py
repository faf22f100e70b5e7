"""A checkpoint's sizes, from its configuration alone: no weight is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.doctor.levels import TIE, Levels, layers_are_one, levels_of
from recipe.mrpo.doctor.plan.settings import PlanError


@dataclass(frozen=True)
class ModelSizes:
    """The sizes of a model on which memory and time depend."""

    parameters: int
    """All of them, vision tower included."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    longest: int
    """`max_position_embeddings` of the language model, in tokens."""
    adapters_per_rank: int
    """Parameters of LoRA adapters of rank 1 at all linear layers of the language model."""
    levels: Levels
    """What the outer configuration and that of the language model say."""
    quantised: bool = False
    """The weights in the checkpoint are not floating point numbers."""

    def kv_bytes_per_token(self, *, bytes_per_value: int = 2) -> int:
        """Keys and values of one token over all layers. An upper bound where some layers look at a window only.

        2 layers kv_heads head_dim bytes
        """
        return 2 * self.layers * self.kv_heads * self.head_dim * bytes_per_value


def read_config(path: str) -> Any:
    """The transformers configuration at `path`, a folder or a hub id. Raises PlanError for one that cannot be read."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(path, trust_remote_code=False)
    except Exception as error:  # transformers raises errors of every kind for a file that it cannot use
        raise PlanError(
            f"transformers cannot read the configuration of a checkpoint at {path} ({_first_line(error)}); set --model "
            "to a folder with config.json."
        ) from error


def sizes_of(
    config: Any,
    *,
    sampled: Mapping[str, Any] | None = None,
    trained: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    excluded: str = "",
) -> ModelSizes:
    """Sizes of a transformers configuration; parameters are counted on torch's meta device, which holds no memory.

    `sampled`, `trained`: what the run changes of it (`doctor.levels.run_changes`). `folder`: the checkpoint's, so that
    the names of its weights tell whether it has an output layer. `excluded`: the run's `model.exclude_modules`, a
    regular expression of layers without adapters.

    Raises PlanError for a configuration of which no such model can be made.
    """
    tied = None if folder is None else layers_are_one(folder)
    levels = levels_of(config, sampled=sampled or {}, trained=trained or {}, tied=tied)
    text = config.get_text_config()
    try:
        parameters, adapters = _count(config, tied=levels.tied, excluded=excluded)
        heads = int(text.num_attention_heads)
        made = ModelSizes(
            parameters=parameters,
            layers=int(text.num_hidden_layers),
            hidden=int(text.hidden_size),
            heads=heads,
            kv_heads=int(getattr(text, "num_key_value_heads", None) or heads),
            head_dim=int(getattr(text, "head_dim", None) or text.hidden_size // heads),
            vocabulary=int(text.vocab_size),
            longest=int(text.max_position_embeddings),
            adapters_per_rank=adapters,
            levels=levels,
            quantised=getattr(config, "quantization_config", None) is not None,
        )
    except Exception as error:  # any class of transformers may be made here, of any numbers
        kind = getattr(config, "model_type", "?")
        raise PlanError(
            f"no model of images and text can be made of this {kind} configuration ({_first_line(error)}); correct "
            "config.json, or take another checkpoint (mrpo backbones)."
        ) from error
    wrong = [name for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary", "longest")
             if getattr(made, name) < 1]  # fmt: skip
    if wrong:
        raise PlanError(f"config.json gives the language model no {', '.join(wrong)}; correct it.")
    return made


def _count(config: Any, *, tied: bool, excluded: str) -> tuple[int, int]:
    """Parameters, and those of adapters of rank 1; peft adapts all linear layers but the output layer."""
    import torch
    from transformers import AutoModelForImageTextToText

    counted = deepcopy(config)
    setattr(counted, TIE, tied)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(counted)
    output = model.get_output_embeddings()
    linear = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
        and layer is not output
        and not (excluded and re.fullmatch(excluded, name))
    ]
    adapters = sum(layer.in_features + layer.out_features for layer in linear)
    return sum(p.numel() for p in model.parameters()), adapters


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__)
