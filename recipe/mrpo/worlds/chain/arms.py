"""The arms that are compared: the same scenes, samples and updates, another advantage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recipe.mrpo.worlds.judges import EXACT, JudgeFaults

RULES = "recipe.mrpo.worlds.rules"


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    what: str
    shaping: str = "none"
    """Name of a shaping rule, or `module:name`."""
    process_weight: float = 1.0
    """Weight of the process reward beside the answer's."""
    gdpo: bool = False
    judge: str = "scene"
    faults: JudgeFaults = EXACT
    factor_base: float = 2.718281828459045
    norm_by_std: bool = True


MAIN = {
    "outcome": Arm("answer reward alone", process_weight=0.0),
    "grpo": Arm("answer and process reward, no shaping"),
    "gdpo": Arm("the same rewards, each normalised by itself", gdpo=True),
    "mrpo": Arm("published step credit", shaping="mrpo"),
    "flat": Arm("step credit with one factor of the same mean", shaping=f"{RULES}:flat_factor"),
    "reversed": Arm("step credit, the last step hardest", shaping=f"{RULES}:reversed_factor"),
    "no_lift": Arm("step credit without +|A| for valid steps", shaping=f"{RULES}:no_lift"),
    "first_failure": Arm("step credit up to the first failure only", shaping=f"{RULES}:first_failure"),
    "vppo": Arm("verified prefix rewarded, the rest penalised", shaping="vppo"),
}


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
