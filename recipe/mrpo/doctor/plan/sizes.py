"""A checkpoint's sizes, from its configuration alone: no weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.doctor.levels import Levels, levels_of


@dataclass(frozen=True)
class ModelSizes:
    """The sizes of a model on which memory and time depend."""

    parameters: int
    """All of them, vision tower included."""
    layers: int
    hidden: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    longest: int
    """`max_position_embeddings` of the language model, in tokens."""
    levels: Levels
    """What the outer configuration and that of the language model say."""

    def kv_bytes_per_token(self, *, bytes_per_value: int = 2) -> int:
        """Keys and values of one token over all layers.

        2 layers kv_heads head_dim bytes
        """
        return 2 * self.layers * self.kv_heads * self.head_dim * bytes_per_value


def sizes_of(
    config: Any, *, sampled: Mapping[str, Any] | None = None, trained: Mapping[str, Any] | None = None
) -> ModelSizes:
    """Sizes of a transformers configuration; parameters are counted on torch's meta device, which holds no memory.

    `sampled`, `trained`: what the run changes of it (`doctor.levels.run_changes`).
    """
    import torch
    from transformers import AutoModelForImageTextToText

    text = config.get_text_config()
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    heads = text.num_attention_heads
    return ModelSizes(
        parameters=sum(p.numel() for p in model.parameters()),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // heads,
        vocabulary=text.vocab_size,
        longest=text.max_position_embeddings,
        levels=levels_of(config, sampled=sampled or {}, trained=trained or {}),
    )
