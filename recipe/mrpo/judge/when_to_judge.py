"""Which rollouts are judged (`mrpo.judge.ask_for`); the others have no labels, as after a failed judgement.

    all            every rollout with steps
    needed         rollouts with labels that a reward or the shaping reads; no advantage changes
    wrong_answers  rollouts with a wrong answer; the process reward of the right ones is unknown

A choice by group is not possible: verl hands each rollout to a reward worker alone, while the other rollouts of its
group are still being generated. `wrong_answers` therefore leaves out the groups that are right throughout, and the
right rollouts of all other groups as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recipe.mrpo.credit.shaping import get_shaping

ASK_FOR = ("all", "needed", "wrong_answers")
CONTINUATIONS = "continuations"
SKIP_REASONS = ("unused", "right")
"""Why `needed` and `wrong_answers` leave a rollout out, as in the judge status `skipped:<reason>`."""


def shaping_reads_labels(
    shaping: str,
    *,
    shaping_options: Mapping[str, Any],
    estimator: str | None,
    ours: Collection[str],
    wrong: bool | None,
) -> bool:
    """Does the estimator read the labels of such a rollout? Only ours do, and only if `mrpo.shaping` declares it.

    `shaping_options`: those of the rule. `wrong` None: it is unknown whether its answer is right, so it is not shaped.
    Raises ValueError if `shaping` leads to no rule.
    """
    if estimator not in ours:
        return False
    rule = get_shaping(shaping)
    return rule.reads_labels and (wrong is True or (wrong is False and rule.changes_right(shaping_options)))


def skip_reason(ask_for: str, *, wrong: bool | None, read_by_rewards: bool, shaped: bool) -> str | None:
    """Why a rollout is left unjudged, one of SKIP_REASONS, or None where the judge is asked.

    `wrong` None: it is unknown whether its answer is right, so it does not count as a right one.
    `read_by_rewards`, `shaped`: do the rewards, does the shaping read the labels of this rollout?
    Raises ValueError for an unknown option.
    """
    if ask_for not in ASK_FOR:
        raise ValueError(f"mrpo.judge.ask_for={ask_for!r} is unknown; choose one of {', '.join(ASK_FOR)}.")
    if ask_for == "needed" and not read_by_rewards and not shaped:
        return "unused"
    if ask_for == "wrong_answers" and wrong is False:
        return "right"
    return None


def verdict_conflict(names: Collection[str], ask_for: str) -> str | None:
    """Why the judges `names` cannot say which answers are right (mrpo.rewards.answer.mode=judge); None: they can."""
    if "overlap" in names:
        return (
            "mrpo.rewards.answer.mode=judge needs a judge that can say whether an answer is right, and "
            "mrpo.judge.name=overlap compares words; set mrpo.judge.name=openai, or mrpo.rewards.answer.mode=text."
        )
    if CONTINUATIONS in names:
        return (
            "mrpo.rewards.answer.mode=judge needs a judge that can say whether an answer is right, and "
            "mrpo.judge.name=continuations is graded by the answer reward itself; set mrpo.judge.name=openai, or "
            "mrpo.rewards.answer.mode=text."
        )
    if ask_for == "wrong_answers":
        return (
            "mrpo.judge.ask_for=wrong_answers asks about rollouts that are known to be wrong, and with "
            "mrpo.rewards.answer.mode=judge the judge says which these are; set mrpo.judge.ask_for=all."
        )
    return None


def overall_conflict(names: Collection[str]) -> str | None:
    """Why the judges `names` cannot grade the reasoning as a whole (mrpo.rewards.semantic); None: they can."""
    if CONTINUATIONS not in names:
        return None
    return (
        "mrpo.rewards.semantic.mode=verdict needs a judge that grades the reasoning as a whole, and "
        "mrpo.judge.name=continuations does not; set mrpo.rewards.semantic.mode=encoder, or another judge."
    )


def needs_gold_reasoning(names: Collection[str]) -> bool:
    """Does one of the judges `names` compare steps with gold reasoning? Continuations need the gold answer alone."""
    return any(name != CONTINUATIONS for name in names)


def skip_conflict(
    ask_for: str,
    *,
    estimator: str,
    estimators_with_unknown: Collection[str],
    read_by_rewards: bool,
    shapes_right: bool,
) -> str | None:
    """Why a run cannot leave right rollouts out, in a sentence; None if it can.

    verl's own estimators see a sum of rewards, in which an unknown one is 0. A shaping rule that changes right rollouts
    by their labels (`shapes_right`) would find none.
    """
    if ask_for != "wrong_answers":
        return None
    if read_by_rewards and estimator not in estimators_with_unknown:
        return (
            "mrpo.judge.ask_for=wrong_answers leaves the process reward of right rollouts unknown, and "
            f"algorithm.adv_estimator={estimator} would count it as 0; set mrpo.judge.ask_for=all, or "
            f"algorithm.adv_estimator to one of {', '.join(estimators_with_unknown)}."
        )
    if shapes_right:
        return (
            "mrpo.judge.ask_for=wrong_answers leaves right rollouts without labels, and the rule of mrpo.shaping "
            "changes them by their labels; set mrpo.judge.ask_for=all."
        )
    return None
