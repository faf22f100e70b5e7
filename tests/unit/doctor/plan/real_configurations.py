"""The backbones and their neighbours at their real sizes, written from the values that their makers publish."""

from __future__ import annotations

import json
from typing import Any


def published(config: Any) -> str:
    """The configuration as the text of a config.json."""
    return json.dumps(config.to_dict(), default=str)


def qwen2_5_vl_3b() -> Any:
    """Its output layer is its input layer; the published file is flat and says so on the only level it has."""
    from transformers import Qwen2_5_VLConfig

    config = Qwen2_5_VLConfig(
        text_config=dict(
            hidden_size=2048, intermediate_size=11008, num_hidden_layers=36, num_attention_heads=16,
            num_key_value_heads=2, vocab_size=151936, max_position_embeddings=128000,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        ),
        vision_config=dict(
            depth=32, hidden_size=1280, intermediate_size=3420, num_heads=16, out_hidden_size=2048, patch_size=14,
            spatial_merge_size=2, window_size=112, fullatt_block_indexes=[7, 15, 23, 31],
        ),
        tie_word_embeddings=True,
    )  # fmt: skip
    return config


def qwen3_vl_30b_a3b() -> Any:
    """128 experts in each layer; the language model's class says tied by default, the file says that it is not."""
    from transformers import Qwen3VLMoeConfig

    return Qwen3VLMoeConfig(
        text_config=dict(
            hidden_size=2048, intermediate_size=6144, num_hidden_layers=48, num_attention_heads=32, head_dim=128,
            num_key_value_heads=4, vocab_size=151936, max_position_embeddings=262144, num_experts=128,
            num_experts_per_tok=8, moe_intermediate_size=768, decoder_sparse_step=1,
            rope_parameters={
                "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True,
            },
        ),
        vision_config=dict(
            depth=27, hidden_size=1152, intermediate_size=4304, num_heads=16, out_hidden_size=2048, patch_size=16,
            spatial_merge_size=2, num_position_embeddings=2304, deepstack_visual_indexes=[8, 16, 24],
        ),
        tie_word_embeddings=False,
    )  # fmt: skip


def internvl3_2b() -> Any:
    config = internvl3_8b()
    config.text_config.update(
        dict(hidden_size=1536, intermediate_size=8960, num_attention_heads=12, num_key_value_heads=2)
    )
    return config


def qwen2_5_vl_7b() -> Any:
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        text_config=dict(
            hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
            num_key_value_heads=4, vocab_size=152064, max_position_embeddings=128000, tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        ),
        vision_config=dict(
            depth=32, hidden_size=1280, intermediate_size=3420, num_heads=16, out_hidden_size=3584, patch_size=14,
            spatial_merge_size=2, window_size=112, fullatt_block_indexes=[7, 15, 23, 31],
        ),
        tie_word_embeddings=False,
    )  # fmt: skip


def qwen3_vl_8b() -> Any:
    from transformers import Qwen3VLConfig

    return Qwen3VLConfig(
        text_config=dict(
            hidden_size=4096, intermediate_size=12288, num_hidden_layers=36, num_attention_heads=32, head_dim=128,
            num_key_value_heads=8, vocab_size=151936, max_position_embeddings=262144, tie_word_embeddings=False,
            rope_parameters={
                "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True,
            },
        ),
        vision_config=dict(
            depth=27, hidden_size=1152, intermediate_size=4304, num_heads=16, out_hidden_size=4096, patch_size=16,
            spatial_merge_size=2, num_position_embeddings=2304, deepstack_visual_indexes=[8, 16, 24],
        ),
        tie_word_embeddings=False,
    )  # fmt: skip


def internvl3_8b(*, outer: bool | None = False) -> Any:
    """`outer`: the key `tie_word_embeddings` of the outer configuration; None: absent."""
    from transformers import InternVLConfig

    more = {} if outer is None else {"tie_word_embeddings": outer}
    return InternVLConfig(
        text_config=dict(
            model_type="qwen2", hidden_size=3584, intermediate_size=18944, num_hidden_layers=28,
            num_attention_heads=28, num_key_value_heads=4, vocab_size=151674, max_position_embeddings=32768,
            tie_word_embeddings=False,
        ),
        vision_config=dict(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
            image_size=[448, 448], patch_size=[14, 14],
        ),
        image_seq_length=256, downsample_ratio=0.5, **more,
    )  # fmt: skip


# Which of the keys that programs read differently a published config.json has, on each level. InternVL3's file is taken
# to lack `tie_word_embeddings`, the harder case: it was written by a release that left defaults out.
LEVEL_KEYS = (
    "tie_word_embeddings",
    "vocab_size",
    "eos_token_id",
    "text_config",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
)
PUBLISHED_KEYS: dict[str, tuple[set[str], set[str] | None]] = {
    "qwen2_vl": ({"tie_word_embeddings", "vocab_size", "eos_token_id", "rope_theta", "rope_scaling"}, None),
    "qwen2_5_vl": ({"tie_word_embeddings", "vocab_size", "eos_token_id", "rope_theta", "rope_scaling"}, None),
    "qwen3_vl": (
        {"tie_word_embeddings", "text_config"},
        {"vocab_size", "eos_token_id", "rope_theta", "rope_scaling"},
    ),
    "internvl3": ({"text_config"}, {"vocab_size", "eos_token_id", "rope_theta", "rope_scaling"}),
}
"""Outer keys, and those of `text_config` (None: there is none)."""
