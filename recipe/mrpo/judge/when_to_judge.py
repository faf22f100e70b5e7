"""Which rollouts need no judge (`mrpo.judge.skip`); a skipped one has no labels, as after a failed judgement.

    none     every rollout with steps is judged
    unused   those are left out whose labels nothing reads; no advantage changes
    right    those with a right answer are left out: their process reward is then unknown

Groups cannot be asked about: verl hands one rollout at a time to any reward worker, while its siblings are still being
generated. `right` therefore covers groups that are right throughout, and the right rollouts of mixed groups with them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recipe.mrpo.credit.shaping import get_shaping

SKIPS = ("none", "unused", "right")

NEED_NO_LABELS = ("answer", "length", "format")
"""Rewards of ours that never read a label; of a reward of one's own it is taken that it does."""


def labels_read_by_rewards(rewards: Mapping[str, Mapping[str, Any]]) -> bool:
    """Does a reward that counts read the judge's labels? `rewards`: the node `mrpo.rewards`."""
    for name, settings in rewards.items():
        if not settings.get("enabled", True) or settings.get("weight", 0) == 0 or name in NEED_NO_LABELS:
            continue
        if name == "semantic" and settings.get("mode") == "encoder":
            continue
        return True
    return False


def labels_shape(shaping: str, *, estimator: str | None, ours: Collection[str], wrong: bool) -> bool:
    """Does the estimator read the labels of a rollout? Only ours do, and only as `mrpo.shaping` says of itself.

    Raises ValueError if `shaping` leads to no rule.
    """
    if estimator not in ours:
        return False
    rule = get_shaping(shaping)
    return rule.reads_labels and (wrong or rule.changes_right_rollouts)


def skip_reason(skip: str, *, wrong: bool, read_by_rewards: bool, shaped: bool) -> str | None:
    """The option by which a rollout is left unjudged, or None where it is judged.

    `read_by_rewards`, `shaped`: what `labels_read_by_rewards` and `labels_shape` say of this rollout.
    Raises ValueError for an unknown option.
    """
    if skip not in SKIPS:
        raise ValueError(f"mrpo.judge.skip={skip!r} is unknown; choose one of {', '.join(SKIPS)}.")
    left_out = {"none": False, "unused": not read_by_rewards and not shaped, "right": not wrong}[skip]
    return skip if left_out else None


def refusal(
    skip: str, *, estimator: str, knows_unknown: Collection[str], read_by_rewards: bool, shapes_right: bool
) -> str | None:
    """Why a run cannot skip so, in a sentence; None if it can.

    verl's own estimators see a sum of rewards, in which an unknown one is 0; a shaping rule that changes right
    rollouts by their labels (`shapes_right`) would find none.
    """
    if skip != "right":
        return None
    if read_by_rewards and estimator not in knows_unknown:
        return (
            f"mrpo.judge.skip=right leaves the process reward of right rollouts unknown, and algorithm.adv_estimator="
            f"{estimator} would count it as 0; set mrpo.judge.skip=none, or algorithm.adv_estimator to one of "
            f"{', '.join(knows_unknown)}."
        )
    if shapes_right:
        return (
            "mrpo.judge.skip=right leaves right rollouts without labels, and the rule of mrpo.shaping changes them by "
            "their labels; set mrpo.judge.skip=none."
        )
    return None
