"""Comparisons in the chain world: the main one of docs/evidence.md, and what each part of the method changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recipe.mrpo.worlds.arms import MAIN as ARMS
from recipe.mrpo.worlds.arms import OWN, Arm
from recipe.mrpo.worlds.chain.curve import TrainingCurve
from recipe.mrpo.worlds.chain.experiment import RATES, TUNING_SEEDS, every_arm
from recipe.mrpo.worlds.chain.scene import ChainWorld
from recipe.mrpo.worlds.chain.train import RunSettings, run
from recipe.mrpo.worlds.evidence.jobs import Comparison, Job
from recipe.mrpo.worlds.judges import JudgeFaults

SEEDS = tuple(range(10))
OWN_TUNING_SEEDS = tuple(range(2000, 2010))
"""More of them than in the first comparison, where the rule for the learning rate moved results most."""
MAIN = ("grpo", "outcome", "gdpo", "mrpo", "flat", "reversed", "no_lift", "first_failure", "vppo")


MORE_TUNING_SEEDS = tuple(range(1000, 1010))
"""Of the second comparison: three moved results more than the parts of the method did (docs/evidence.md)."""


def comparison(
    setting: str, arms: dict[str, Arm], *, baseline: str, seeds: tuple[int, ...] = SEEDS, **settings: Any
) -> Comparison:
    """Arms by the rule for learning rates of docs/evidence.md."""

    def do(job: Job) -> dict[str, Any]:
        import torch

        torch.set_num_threads(1)
        trained, world = TrainingCurve(every=10), ChainWorld()
        last = run(world, arms[job.arm], RunSettings(lr=job.lr, **settings), seed=job.seed, watch=trained)[-1]
        return {**last, "curve": trained.points}

    return Comparison(
        "chain", setting, tuple(arms), seeds, do, rates=RATES, tuning_seeds=TUNING_SEEDS, baseline=baseline
    )  # fmt: skip


def main() -> Comparison:
    known = every_arm()
    return comparison("main", {name: known[name] for name in MAIN}, baseline="grpo")


def second() -> list[Comparison]:
    """`main` and `parts` once more, each learning rate chosen by ten tuning seeds in the place of three."""
    return [
        replace(one, setting=f"{one.setting}_tuned10", tuning_seeds=MORE_TUNING_SEEDS)
        for one in (main(), *parts())
        if one.setting != "tau"
    ]


def quick() -> Comparison:
    known = every_arm()
    arms = {name: known[name] for name in ("grpo", "mrpo")}
    return replace(comparison("quick", arms, baseline="grpo", seeds=SEEDS[:3], updates=50), rates=(), lr=4e-3)


def parts() -> list[Comparison]:
    """Settings of the published rule, one at a time, each with its learning rate by the same rule; judge `local`."""
    plain = Arm("published step credit", shaping="mrpo", judge="local")
    grpo = Arm("answer and process reward, no shaping", judge="local")
    e = plain.factor_base
    rule = {
        "mrpo": plain,
        "grpo": grpo,
        "base_1": replace(plain, what="every factor 1", factor_base=1.0),
        "base_sqrt_e": replace(plain, what="factors from 1.65 to 1", factor_base=e**0.5),
        "base_e2": replace(plain, what="factors from 7.4 to 1", factor_base=e**2),
        "rounded": replace(plain, what="factors of two decimals, as released", round_factors=True),
        "no_std": replace(plain, what="A_i = R_i - mean", norm_by_std=False),
        "grpo_no_std": replace(grpo, what="A_i = R_i - mean, no shaping", norm_by_std=False),
    }
    graded = {
        "tau_0.6": replace(plain, what="a near miss (reward 0.5) counts as wrong, as published"),
        "tau_0.4": replace(plain, what="a near miss counts as right and keeps its advantage", tau=0.4),
        "tau_1": replace(plain, what="every rollout counts as wrong", tau=1.0),
        "grpo": grpo,
    }
    return [
        comparison("parts", rule, baseline="mrpo"),
        comparison("tau", graded, baseline="tau_0.6", near=0.5),
    ]


def own() -> list[Comparison]:
    """Our rules against the published one by the judge `local`: exact labels, and 15 % of them flipped."""
    names = ("mrpo", "grpo", *OWN)
    exact = {name: replace({**ARMS, **OWN}[name], judge="local") for name in names}
    flipped = {name: replace(arm, faults=JudgeFaults(flip=0.15)) for name, arm in exact.items()}
    return [
        replace(comparison(setting, arms, baseline="mrpo"), tuning_seeds=OWN_TUNING_SEEDS, tested=tuple(OWN))
        for setting, arms in (("own", exact), ("own_flip15", flipped))
    ]


def options() -> Comparison:
    """What an option changes against mrpo by the judge `local`: groups left out, forms of step credit."""
    plain = replace(ARMS["mrpo"], judge="local")
    credit = replace(plain, shaping="step_credit")
    arms = {
        "mrpo": plain,
        "grpo": replace(ARMS["grpo"], judge="local"),
        "share_50": replace(plain, what="half of the groups are judged", share=0.5),
        "share_25": replace(plain, what="a quarter of the groups are judged", share=0.25),
        "linear": replace(credit, what="the factor falls on a line", shaping_options={"factor": "linear"}),
        "right_to_0": replace(credit, what="an invalid step of a right rollout gets 0 of A > 0",
                              shaping_options={"invalid_of_right": 1.0}),
        "right_turned": replace(credit, what="an invalid step of a right rollout gets -A",
                                shaping_options={"invalid_of_right": 2.0}),
    }  # fmt: skip
    return replace(comparison("options", arms, baseline="mrpo"), tuning_seeds=OWN_TUNING_SEEDS)


def everything() -> list[Comparison]:
    return [main(), *parts(), *second(), *own(), options()]
