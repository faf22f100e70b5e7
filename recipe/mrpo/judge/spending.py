"""Which groups and which validations are judged, decided before anything is generated.

    share              group i of step t is judged where u(seed, t, prompt) < share, u uniform in [0, 1)
    validation_every   of the validations number 0, 1, 2, … those with number % every = 0, and the last one

u is a hash, so the choice depends neither on what is generated nor on the process that makes it, and a group that is
judged at one share is judged at every larger one. The step is part of the hash: a prompt that comes again in another
epoch is drawn anew. A choice for ever would leave some images without step credit for the whole run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

BY_SHARE, BY_VALIDATION = "share", "validation"
NOT_CHOSEN = (BY_SHARE, BY_VALIDATION)
"""Why the steps of a rollout are not judged, as in the judge status `skipped:<reason>`: it is no failure."""


def uniform(*parts: Any) -> float:
    """A number in [0, 1) from plain values, the same in every process."""
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=True, default=str).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: a float64 below 1


def group_is_judged(prompt: str, *, step: int, share: float, seed: int) -> bool:
    """Is the group of `prompt` judged in the training step `step`? All of its rollouts have the same fate."""
    return uniform(seed, step, prompt) < share


def validation_is_judged(step: int, *, every: int, test_freq: int, last: bool) -> bool:
    """Is the validation after `step` judged? The one before training, every n-th one of `test_freq`, and the last.

    Counted by the step, so that a resumed run judges the same ones.
    """
    return last or test_freq <= 0 or (step // test_freq) % every == 0


def share_conflict(
    share: float, *, estimator: str, estimators_with_unknown: Collection[str], read_by_rewards: bool
) -> str | None:
    """Why a run cannot judge a share of its groups, in a sentence; None if it can.

    verl's own estimators see a sum of rewards, in which the process reward of an unjudged group would count as 0.
    """
    if share >= 1 or not read_by_rewards or estimator in estimators_with_unknown:
        return None
    return (
        f"mrpo.judge.share={share:g} leaves the process reward of the other groups unknown, and "
        f"algorithm.adv_estimator={estimator} would count it as 0; set mrpo.judge.share=1, or "
        f"algorithm.adv_estimator to one of {', '.join(estimators_with_unknown)} (GRPO: mrpo with mrpo.shaping=none)."
    )
