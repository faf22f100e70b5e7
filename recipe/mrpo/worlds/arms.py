"""The arms that are compared: the same scenes, samples and updates, another advantage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recipe.mrpo.worlds.judges import EXACT, JudgeFaults


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    what: str
    shaping: str = "none"
    """Name of a shaping rule, or `module:name`."""
    shaping_options: Mapping[str, Any] = field(default_factory=dict)
    process_weight: float = 1.0
    """Weight of the process reward beside the answer's."""
    gdpo: bool = False
    judge: str = "scene"
    faults: JudgeFaults = EXACT
    factor_base: float = 2.718281828459045
    round_factors: bool = False
    norm_by_std: bool = True
    tau: float = 0.6
    share: float = 1.0
    """Share of the groups that are judged; the others have no labels (`mrpo.judge.share`)."""


def _variant(what: str, **options: Any) -> Arm:
    return Arm(what, shaping="step_credit", shaping_options=options)


def _grouped(what: str, **options: Any) -> Arm:
    return Arm(what, shaping="srar", shaping_options=options, process_weight=0.0)


MAIN = {
    "outcome": Arm("answer reward alone", process_weight=0.0),
    "grpo": Arm("answer and process reward, no shaping"),
    "gdpo": Arm("the same rewards, each normalised by itself", gdpo=True),
    "mrpo": Arm("published step credit", shaping="mrpo"),
    "flat": _variant("step credit with one factor of the same mean", factor="flat", equal_mean=True),
    "reversed": _variant("step credit, the last step hardest", factor="reversed"),
    "no_lift": _variant("step credit without +|A| for valid steps", valid_of_wrong="keep"),
    "first_failure": _variant("step credit up to the first failure only", after_first_failure="keep"),
    "vppo": Arm("verified prefix rewarded, the rest penalised", shaping="vppo"),
    "srar": Arm("step labels normalised in the group, answer reward alone", shaping="srar", process_weight=0.0),
}

OWN = {
    "flat": MAIN["flat"],
    "srar": _grouped("step labels normalised in the group, twice the weight", step_weight=2.0),
    "centred": _grouped("step labels against the mean of the group", step_weight=4.0, step_std=False),
}
"""Rules that are compared with the published one (docs/evidence.md). Weights were chosen on seeds of no comparison."""


def with_judge(arms: dict[str, Arm], kind: str) -> dict[str, Arm]:
    """The same arms by another judge; names get its name."""
    return {f"{name}_{kind}": replace(arm, judge=kind) for name, arm in arms.items()}


def with_flips(arms: dict[str, Arm], share: float) -> dict[str, Arm]:
    """The same arms with a share of the labels turned round."""
    tag = f"flip{round(100 * share):02d}"
    return {f"{name}_{tag}": replace(arm, faults=JudgeFaults(flip=share)) for name, arm in arms.items()}


def with_failures(arms: dict[str, Arm], share: float, failed_as: str) -> dict[str, Arm]:
    """The same arms with a share of the judgements failing."""
    tag = f"fail{round(100 * share):02d}_{failed_as}"
    faults = JudgeFaults(fail=share, failed_as=failed_as)
    return {f"{name}_{tag}": replace(arm, faults=faults) for name, arm in arms.items()}
