"""The files that several checks need: parquet rows and tiny models, each made once in a report's folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.gpu_check.result import CheckFailed
from recipe.mrpo.gpu_check.rows import write_source
from recipe.mrpo.gpu_check.setting import Setting

SIDE = 112
"""Pixels: 16 tokens of Qwen2.5-VL."""
WARM_UP_STEPS = 80


@dataclass(frozen=True)
class Rows:
    """Parquet files of one backbone's prompts."""

    train: Path
    test: Path


def _convert(words: Sequence[str]) -> None:
    from data_preprocess.command.dataset import main

    with redirect_stdout(sys.stderr):
        status = main(["own", *words])
    if status:
        raise CheckFailed(f"data_preprocess ended with status {status}", "read the log of this check.")


def rows(setting: Setting, backbone: str, *, sft: bool = False, side: int = SIDE) -> Rows:
    """Rows with the prompt of `backbone`; `sft`: as chat messages."""
    source = setting.folder(f"source-{side}")
    out = Path(setting.out) / f"data-{backbone}-{side}{'-sft' if sft else ''}"
    if not (out / "train.parquet").exists():
        mapping = write_source(source, side=side)
        words = ["--source", str(source), "--mapping", str(mapping), "--out", str(out), "--backbone", backbone]
        _convert([*words, *(["--sft", "--reasoning", "required"] if sft else [])])
    return Rows(out / "train.parquet", out / "test.parquet")


def tiny(setting: Setting, backbone: str, *, taught: bool) -> Path:
    """A tiny model of the architecture; `taught`: it answers in steps, and wrong often enough to learn from."""
    from recipe.mrpo.tiny.build import build

    out = Path(setting.out) / f"tiny-{backbone}{'' if taught else '-random'}"
    steps = WARM_UP_STEPS if taught else 0
    build(backbone=backbone, data=rows(setting, backbone).train, out=out, seed=0, steps=steps, progress=_say)
    return out


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
