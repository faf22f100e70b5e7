"""What differs between the backbones, in one table; to add a backbone, add a row.

    python -m recipe.mrpo.backbones                       # the table
    python -m recipe.mrpo.backbones qwen3_vl overrides    # its verl overrides, one a line
    python -m recipe.mrpo.backbones qwen3_vl model        # the checkpoint of the study
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backbone:
    """One model family as verl, vLLM and the prompts need to know it."""

    model_type: str
    """`model_type` of its Hugging Face config."""
    checkpoint: str
    """The checkpoint that the study trains, or the family's instruct model of that size."""
    think_tag: str
    """What the prompt asks for; the parser reads both."""
    sampling: dict[str, float | int] = field(default_factory=lambda: {"temperature": 1.0, "top_p": 1.0, "top_k": -1})
    """Rollout sampling."""
    max_pixels: int | None = 802816
    """Images are scaled down to this (Qwen's dynamic resolution); None: the processor tiles by its own rule."""
    note: str = ""

    def overrides(self) -> list[str]:
        """Hydra overrides of verl for this backbone."""
        rollout = "actor_rollout_ref.rollout"
        out = [f"{rollout}.{name}={value}" for name, value in self.sampling.items()]
        if self.max_pixels is not None:
            out.append(f"+data.mm_processor_kwargs.max_pixels={self.max_pixels}")
        return out


BACKBONES: dict[str, Backbone] = {
    "qwen2_5_vl": Backbone(
        model_type="qwen2_5_vl",
        checkpoint="Qwen/Qwen2.5-VL-7B-Instruct",
        think_tag="think",
    ),
    "qwen3_vl": Backbone(
        model_type="qwen3_vl",
        checkpoint="Qwen/Qwen3-VL-8B-Instruct",
        # <think> is one of its tokenizer's own tokens, and vLLM's reasoning parsers act on it.
        think_tag="thinking",
        # The checkpoint's own generation_config, which was probably in force in the study's run (DESIGN section 1).
        sampling={"temperature": 0.7, "top_p": 0.8, "top_k": 20},
    ),
    "internvl3": Backbone(
        model_type="internvl",
        checkpoint="OpenGVLab/InternVL3-8B-hf",
        think_tag="think",
        max_pixels=None,
        note="HF-native layout only (-hf); verl 0.9.1 runs it with recipe/mrpo/internvl.py",
    ),
    "qwen2_vl": Backbone(
        model_type="qwen2_vl",
        checkpoint="Qwen/Qwen2-VL-7B-Instruct",
        think_tag="think",
        note="not in the study; shows what a further row takes",
    ),
}


def get_backbone(name: str) -> Backbone:
    """The row of a backbone. Raises ValueError naming the known ones."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise ValueError(f"backbone {name!r} is unknown; choose one of {', '.join(BACKBONES)}.") from None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipe.mrpo.backbones", description="What differs between backbones.")
    parser.add_argument("backbone", nargs="?", choices=list(BACKBONES))
    parser.add_argument("what", nargs="?", choices=("overrides", "model", "think_tag"), default="overrides")
    args = parser.parse_args()
    if args.backbone is None:
        for name, row in BACKBONES.items():
            print(f"{name:12} {row.checkpoint:32} <{row.think_tag}>  {row.sampling}  {row.note}")
        return
    row = get_backbone(args.backbone)
    print({"overrides": "\n".join(row.overrides()), "model": row.checkpoint, "think_tag": row.think_tag}[args.what])


if __name__ == "__main__":
    main()
