"""Comparisons in the drawn world without verl (drawn/direct.py): the learning rates of all arms, and many seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recipe.mrpo.worlds.arms import MAIN, OWN, Arm
from recipe.mrpo.worlds.evidence.jobs import Comparison, Job
from recipe.mrpo.worlds.judges import JudgeFaults

WORLD = "direct"
SEEDS = tuple(range(10))
TUNING_SEEDS = tuple(range(1000, 1005))
RATES = (1e-4, 3e-4, 1e-3)
FLIPS = 0.15
MAIN_ARMS = ("grpo", "mrpo", "gdpo", "flat", "srar", "centred", "vppo", "outcome")
FEW = ("grpo", "mrpo", "flat", "srar", "centred")


def arms() -> dict[str, Arm]:
    """All arms by the judge `local`."""
    return {name: replace(arm, judge="local") for name, arm in {**MAIN, **OWN}.items()}


def comparisons(out: Path) -> list[Comparison]:
    """With exact labels; then, at the same learning rates, with flipped ones and by the judge `scene`."""
    exact = comparison(out, "main", arms(), MAIN_ARMS)
    flipped = {name: replace(arm, faults=JudgeFaults(flip=FLIPS)) for name, arm in arms().items()}
    scene = {name: replace(arm, judge="scene") for name, arm in arms().items()}
    return [
        exact,
        replace(comparison(out, "flip15", flipped, FEW), tuned_by=exact),
        replace(comparison(out, "scene", scene, FEW[:2]), tuned_by=exact),
    ]


def comparison(out: Path, setting: str, known: Mapping[str, Arm], names: tuple[str, ...]) -> Comparison:
    """Arms from one start model; a seed decides the training scenes and the sampling."""

    def do(job: Job) -> dict[str, Any]:
        import torch

        from recipe.mrpo.worlds.drawn.command import prepare_transformers
        from recipe.mrpo.worlds.drawn.direct import DirectSettings, run

        torch.set_num_threads(1)
        prepare_transformers()
        return run(out / "drawn" / "base" / "start", known[job.arm], DirectSettings(lr=job.lr), seed=job.seed)

    return Comparison(
        WORLD,
        setting,
        names,
        SEEDS,
        do,
        rates=RATES,
        tuning_seeds=TUNING_SEEDS,
        baseline="mrpo",
        tested=tuple(name for name in OWN if name in names),
    )
