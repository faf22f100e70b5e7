"""``python -m recipe.mrpo.tiny --backbone qwen2_5_vl --data train.parquet --out DIR``: a tiny model to train on a CPU.

A model of the real architecture with random weights and its own vocabulary, then (unless --no-warmup) supervised
on the gold reasoning of the data until it answers in the asked format, in several steps, and wrong often enough to
learn from. With the same inputs DIR is left as it is.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    from recipe.mrpo.common.help_text import Help
    from recipe.mrpo.tiny.backbones import BACKBONES

    out = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.tiny",
        description="Make a tiny vision-language model of a real architecture that answers in reasoning steps.",
        formatter_class=Help,
    )
    out.add_argument(
        "--backbone",
        metavar="NAME",
        default="qwen2_5_vl",
        help=f"architecture, processor and chat template: {', '.join(BACKBONES)}, or your own row, package.module:ROW",
    )
    out.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE",
        help="training rows with gold reasoning (parquet of data_preprocess)",
    )
    out.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the model goes; a tiny model that is there already is replaced",
    )
    out.add_argument("--seed", type=int, default=0, help="of the weights, the lessons and the samples")
    out.add_argument("--steps", type=int, default=320, help="optimiser steps of the warm-up")
    out.add_argument("--no-warmup", action="store_true", help="leave the weights random")
    return out


def main(argv: Sequence[str]) -> int:
    """Run the command; 0, or 2 for inputs that cannot be used."""
    arguments = parser().parse_args(argv)
    if arguments.steps < 1:
        return _refuse(f"--steps must be at least 1, not {arguments.steps}; use --no-warmup for random weights.")
    _prepare_transformers()
    from recipe.mrpo.tiny.build import build

    begun = time.monotonic()
    try:
        built = build(
            backbone=arguments.backbone,
            data=arguments.data,
            out=arguments.out,
            seed=arguments.seed,
            steps=0 if arguments.no_warmup else arguments.steps,
            progress=lambda line: print(line, flush=True),
        )
    except (OSError, ValueError) as error:
        return _refuse(str(error))
    done = "was there already, with the same inputs" if built.reused else f"made in {time.monotonic() - begun:.0f} s"
    print(f"\n{built.path}: {done}")
    print(report(built.manifest))
    return 0


def report(manifest: dict) -> str:
    """What the model says: shares of its samples, and three of them."""
    from recipe.mrpo.tiny.sampling import Shares

    shares = Shares(**manifest["shares"])
    lines = [f"{shares.samples} samples at temperature 1 on prompts of the data:"]
    lines += [f"  {line}" for line in shares.lines()]
    for example in manifest["examples"]:
        lines += [
            f"gold answer: {example['gold']}",
            textwrap.fill(example["text"], 116, initial_indent="  ", subsequent_indent="  "),
        ]
    return "\n".join(lines)


def _refuse(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2


def _prepare_transformers() -> None:
    import torch

    if torch.version.cuda is None:
        # A CPU build of torch may stand beside a CUDA build of torchvision, which then cannot be imported.
        from recipe.mrpo.cpu import apply_shim

        apply_shim()
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar for each file of a model that is one small file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
