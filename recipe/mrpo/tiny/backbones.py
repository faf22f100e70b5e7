"""The table of backbones: control tokens, chat template, processor and a config of a few 100k parameters for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from recipe.mrpo.common.load import is_own, load_object
from recipe.mrpo.tiny import processors, published
from recipe.mrpo.tiny.templates import SYSTEM, chat_template

MAX_POSITIONS = 8192
WIDTH, HEAD_DIM = 128, 32

# What every text model here has in common; the names are those of all Qwen text configs.
_TEXT = dict(
    hidden_size=WIDTH,
    intermediate_size=2 * WIDTH,
    num_hidden_layers=2,
    num_attention_heads=WIDTH // HEAD_DIM,
    num_key_value_heads=2,
    max_position_embeddings=MAX_POSITIONS,
    # Wider than the 0.02 of a large model: it learns in hundreds of steps instead of thousands.
    initializer_range=0.05,
)
_QWEN_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
_QWEN_MEDIA = dict(
    image="<|vision_start|><|image_pad|><|vision_end|>", video="<|vision_start|><|video_pad|><|vision_end|>"
)


@dataclass(frozen=True, slots=True)
class Backbone:
    """How to build one kind of model; both functions are given the trained tokenizer."""

    template: str
    make_config: Callable
    """tokenizer -> config of the whole model."""
    make_processor: Callable
    """tokenizer, chat template -> processor."""
    special: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    owned: tuple[str, ...] = ()
    layout: Callable[[dict], dict] | None = None
    """Rewrites config.json as the published checkpoints have it (published.py); None: as transformers saves it."""


def _ids(tokenizer, **tokens: str) -> dict[str, int]:
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def _text(tokenizer, **more) -> dict:
    return dict(
        _TEXT,
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )


def _qwen_media_ids(tokenizer) -> dict[str, int]:
    return _ids(
        tokenizer,
        image_token_id="<|image_pad|>",
        video_token_id="<|video_pad|>",
        vision_start_token_id="<|vision_start|>",
        vision_end_token_id="<|vision_end|>",
    )


def _mrope(**more) -> dict:
    return dict(rope_type="default", rope_theta=10_000.0, **more)


def _qwen2_vl_config(tokenizer):
    from transformers import Qwen2VLConfig

    return Qwen2VLConfig(
        text_config=_text(tokenizer, rope_parameters=_mrope(mrope_section=[4, 6, 6])),
        vision_config=dict(depth=2, embed_dim=32, hidden_size=WIDTH, num_heads=2, mlp_ratio=2, patch_size=14),
        tie_word_embeddings=False,
        **_qwen_media_ids(tokenizer),
    )


def _qwen2_5_vl_config(tokenizer):
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        text_config=_text(tokenizer, rope_parameters=_mrope(mrope_section=[4, 6, 6])),
        vision_config=dict(
            depth=2,
            hidden_size=32,
            intermediate_size=64,
            num_heads=2,
            out_hidden_size=WIDTH,
            patch_size=14,
            fullatt_block_indexes=[1],
        ),
        tie_word_embeddings=False,
        **_qwen_media_ids(tokenizer),
    )


def _qwen3_vl_config(tokenizer):
    from transformers import Qwen3VLConfig

    rope = _mrope(mrope_section=[6, 5, 5], mrope_interleaved=True)
    return Qwen3VLConfig(
        # vLLM for CPU (0.28.0) looks at the architecture of the text model, which real checkpoints leave out.
        text_config=_text(tokenizer, head_dim=HEAD_DIM, rope_parameters=rope, architectures=["Qwen3ForCausalLM"]),
        vision_config=dict(
            depth=2,
            hidden_size=32,
            intermediate_size=64,
            num_heads=2,
            out_hidden_size=WIDTH,
            patch_size=16,
            num_position_embeddings=64,
            deepstack_visual_indexes=[0],
        ),
        tie_word_embeddings=False,
        **_qwen_media_ids(tokenizer),
    )


def _internvl3_config(tokenizer):
    from transformers import InternVLConfig

    return InternVLConfig(
        text_config=dict(_text(tokenizer, rope_parameters=_mrope()), model_type="qwen2", tie_word_embeddings=False),
        vision_config=dict(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=[56, 56],
            patch_size=[14, 14],
        ),
        image_seq_length=processors.INTERNVL_IMAGE_TOKENS,
        downsample_ratio=0.5,
        tie_word_embeddings=False,
        **_ids(tokenizer, image_token_id="<IMG_CONTEXT>"),
    )


BACKBONES: dict[str, Backbone] = {
    "qwen2_5_vl": Backbone(
        template=chat_template(system=SYSTEM, **_QWEN_MEDIA),
        make_config=_qwen2_5_vl_config,
        make_processor=processors.qwen2_5_vl_processor,
        layout=published.flat,
        special=_QWEN_TOKENS,
    ),
    "qwen3_vl": Backbone(
        template=chat_template(system=None, **_QWEN_MEDIA),
        make_config=_qwen3_vl_config,
        make_processor=processors.qwen3_vl_processor,
        layout=published.tie_outside,
        special=_QWEN_TOKENS,
        owned=("<think>", "</think>"),
    ),
    "internvl3": Backbone(
        template=chat_template(system=None, image="<IMG_CONTEXT>\n", video="<video>\n"),
        make_config=_internvl3_config,
        make_processor=processors.internvl3_processor,
        layout=published.without_tie,
        named={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    ),
    "qwen2_vl": Backbone(
        template=chat_template(system=SYSTEM, **_QWEN_MEDIA),
        make_config=_qwen2_vl_config,
        make_processor=processors.qwen2_vl_processor,
        layout=published.flat,
        special=_QWEN_TOKENS,
    ),
}


def get_backbone(name: str) -> Backbone:
    """How to build one kind of model: a row of the table, or your own as `package.module:ROW` or `folder/file.py:ROW`.

    Raises ValueError for an unknown name, and for an own row that is not there or is not a Backbone of this module.
    """
    if is_own(name):
        row = load_object(name, "--backbone")
        if not isinstance(row, Backbone):
            raise ValueError(f"--backbone {name} is {type(row).__name__}, not a {Backbone.__module__}.Backbone.")
        return row
    if name not in BACKBONES:
        raise ValueError(
            f"--backbone {name} is unknown; choose one of {', '.join(BACKBONES)}, or name your own row as "
            "package.module:ROW."
        )
    return BACKBONES[name]


def build_random(backbone: Backbone, tokenizer):
    """A float32 model with fresh weights (from torch's random state) and its processor.

    The model has exactly len(tokenizer) embeddings: verl masks ids beyond the tokenizer in the rollout but not in
    training, and with a padded vocabulary the two would disagree on every log-probability.
    """
    from transformers import AutoModelForImageTextToText, GenerationConfig

    processor = backbone.make_processor(tokenizer, backbone.template)
    model = AutoModelForImageTextToText.from_config(backbone.make_config(tokenizer)).float()
    model.config.architectures = [type(model).__name__]
    model.generation_config = GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
    )
    return model, processor
