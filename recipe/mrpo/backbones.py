"""What differs between the backbones, in one table; to add a backbone, add a row.

python -m recipe.mrpo.backbones                       # the table
python -m recipe.mrpo.backbones qwen3_vl overrides    # its verl overrides, one a line
python -m recipe.mrpo.backbones qwen3_vl model        # the checkpoint of the study
python -m recipe.mrpo.backbones my_rows:ROW           # the overrides of your own row (docs/own_parts.md)
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field

from recipe.mrpo.common.load import is_own, load_object
from recipe.mrpo.common.response_format import THINK_TAGS
from recipe.mrpo.common.table_command import run_table_command


@dataclass(frozen=True)
class Backbone:
    """One model family as verl, vLLM and the prompts need to know it."""

    model_type: str
    """`model_type` of its Hugging Face config."""
    checkpoint: str
    """The checkpoint that the study trains, or the family's instruct model of that size."""
    think_tag: str
    """What the prompt asks for; the parser reads both."""
    eos: str
    """Token that ends a response of `checkpoint`."""
    vision_modules: str
    """Regular expression of the module names that LoRA leaves alone: vLLM has no adapters in vision towers."""
    base_checkpoint: str | None = None
    """Pretrained model before instruction tuning; None: none is published in this layout."""
    sampling: dict[str, float | int] = field(default_factory=lambda: {"temperature": 1.0, "top_p": 1.0, "top_k": -1})
    """Rollout sampling."""
    max_pixels: int | None = 802816
    """Images are scaled down to this (Qwen's dynamic resolution); None: the processor tiles by its own rule."""
    min_pixels: int = 3136
    """What the checkpoint's own processor scales small images up to; without it, `max_pixels` has no effect."""
    patch_size: int | None = None
    """Side of the vision tower's patches; None: 14, verl's default."""
    image_tokens: int | None = None
    """Tokens of the largest image, where no `max_pixels` bounds them."""
    max_prompt_length: int | None = None
    """Tokens of question and image; None: what config/mrpo.yaml allows."""
    max_model_len: int = 4096
    """Tokens that vLLM makes room for. Its default is the checkpoint's longest position: 262,144 for Qwen3-VL."""
    untied_output: bool = False
    """A published configuration may lack the outer `tie_word_embeddings`. transformers then says True, though the
    language model's output layer is its own, and vLLM, which reads the outer one, samples through the input layer."""
    note: str = ""

    def __post_init__(self):
        if self.think_tag not in THINK_TAGS:
            raise ValueError(f"think_tag={self.think_tag!r} is not read by the parser; set {' or '.join(THINK_TAGS)}.")
        try:
            re.compile(self.vision_modules)
        except re.error as error:
            raise ValueError(f"vision_modules={self.vision_modules!r} is not a regular expression: {error}.") from error

    def overrides(self) -> list[str]:
        """Hydra overrides of verl for this backbone."""
        rollout = "actor_rollout_ref.rollout"
        out = [f"{rollout}.{name}={value}" for name, value in self.sampling.items()]
        if self.max_pixels is not None:
            # transformers' Qwen processors overlook one of the two without the other.
            out.append(f"+data.mm_processor_kwargs.min_pixels={self.min_pixels}")
            out.append(f"+data.mm_processor_kwargs.max_pixels={self.max_pixels}")
        if self.patch_size is not None:
            out.append(f"data.image_patch_size={self.patch_size}")
        if self.max_prompt_length is not None:
            out.append(f"data.max_prompt_length={self.max_prompt_length}")
        out.append(f"{rollout}.max_model_len={self.max_model_len}")
        if self.untied_output:
            out.append(f"+{rollout}.engine_kwargs.vllm.hf_overrides.tie_word_embeddings=False")
            out.append("+actor_rollout_ref.model.override_config.tie_word_embeddings=False")
        return out

    def sft_overrides(self) -> list[str]:
        """Hydra overrides of verl's SFT trainer for this backbone."""
        return ["+model.override_config.tie_word_embeddings=False"] if self.untied_output else []

    def start(self, kind: str) -> str:
        """The checkpoint to start from: `instruct` or `base`. Raises ValueError where none is published."""
        if kind == "instruct":
            return self.checkpoint
        if kind == "base" and self.base_checkpoint is not None:
            return self.base_checkpoint
        reason = f"no base checkpoint of {self.model_type} is published" if kind == "base" else "that one is yours"
        raise ValueError(f"START={kind}: {reason}; set MODEL_PATH to the checkpoint to start from.")


BACKBONES: dict[str, Backbone] = {
    "qwen2_5_vl": Backbone(
        model_type="qwen2_5_vl",
        checkpoint="Qwen/Qwen2.5-VL-7B-Instruct",
        think_tag="think",
        eos="<|im_end|>",
        vision_modules=".*visual.*",
    ),
    "qwen3_vl": Backbone(
        model_type="qwen3_vl",
        checkpoint="Qwen/Qwen3-VL-8B-Instruct",
        # <think> is one of its tokenizer's own tokens, and vLLM's reasoning parsers act on it.
        think_tag="thinking",
        eos="<|im_end|>",
        vision_modules=".*visual.*",
        # The checkpoint's own generation_config, which was probably in force in the study's run.
        sampling={"temperature": 0.7, "top_p": 0.8, "top_k": 20},
        # With verl's 14 every image would be scaled twice: to multiples of 28, and then to those of 32.
        patch_size=16,
        min_pixels=65536,
    ),
    "internvl3": Backbone(
        model_type="internvl",
        checkpoint="OpenGVLab/InternVL3-8B-hf",
        think_tag="think",
        eos="<|im_end|>",
        vision_modules=".*(vision_tower|multi_modal_projector).*",
        max_pixels=None,
        # At most 12 tiles and a thumbnail of 256 tokens each, and 700 and more for the question.
        image_tokens=3328,
        max_prompt_length=4096,
        max_model_len=5120,
        untied_output=True,
        note="HF-native layout only (-hf); verl 0.9.1 runs it with recipe/mrpo/wiring/patches/internvl.py",
    ),
    "qwen2_vl": Backbone(
        model_type="qwen2_vl",
        checkpoint="Qwen/Qwen2-VL-7B-Instruct",
        base_checkpoint="Qwen/Qwen2-VL-7B",
        think_tag="think",
        eos="<|im_end|>",
        vision_modules=".*visual.*",
        note="not in the study; shows what a further row takes",
    ),
}


def get_backbone(name: str) -> Backbone:
    """The row of a backbone: one of the table, or your own as `package.module:ROW` or `folder/file.py:ROW`.

    Raises ValueError for an unknown name, and for an own row that is not there or is not a Backbone.
    """
    if is_own(name):
        row = load_object(name, "backbone")
        if not isinstance(row, Backbone):
            raise ValueError(f"backbone={name} is {type(row).__name__}, not a recipe.mrpo.backbones.Backbone.")
        return row
    try:
        return BACKBONES[name]
    except KeyError:
        raise ValueError(
            f"backbone {name!r} is unknown; choose one of {', '.join(BACKBONES)}, or name your own row as "
            "package.module:ROW (docs/own_parts.md)."
        ) from None


def backbone_argument(name: str) -> str:
    """`type` of a command line argument that names a backbone: refused where the row is not there."""
    try:
        get_backbone(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name


def table() -> str:
    """The backbones as lines of text."""
    return "\n".join(
        f"{name:12} {row.checkpoint:32} <{row.think_tag}>  {row.sampling}  {row.note}".rstrip()
        for name, row in BACKBONES.items()
    )


def main() -> None:
    run_table_command(
        "python -m recipe.mrpo.backbones",
        "Table of the backbones.",
        noun="backbone",
        names=(*BACKBONES, "package.module:ROW"),
        table=table,
        get=get_backbone,
        views={
            "overrides": lambda row: "\n".join(row.overrides()),
            "sft": lambda row: "\n".join(row.sft_overrides()),
            "model": lambda row: row.start("instruct"),
            "base": lambda row: row.start("base"),
            "think_tag": lambda row: row.think_tag,
            "vision_modules": lambda row: row.vision_modules,
        },
    )


if __name__ == "__main__":
    # An own row is made of the class in the module of this name, which is another one than that of `__main__`.
    from recipe.mrpo.backbones import main

    main()
