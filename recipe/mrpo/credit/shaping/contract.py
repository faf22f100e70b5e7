"""The laws that every shaping rule keeps; start-up tries a user's own rule on a batch of six small rollouts.

Another law needs no test, because `apply.shape_steps` makes it true: an unknown label leaves A_i.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.credit.shaping.registry import BUILT_IN, OPTION, Shaping, ShapingError, get_shaping

NAN = math.nan
ADVANTAGES = (1.5, -0.5, 0.75, -1.25, 0.0, -2.0)
LABELS = (
    (1.0, 0.0, 1.0),  # a right answer
    (0.0, 1.0, 0.0),  # a wrong one
    (1.0, 1.0, NAN),  # wrong with two steps and A > 0; the third column is padding
    (NAN, NAN, NAN),  # wrong, its judgement failed
    (0.0, 1.0, NAN),  # wrong with A = 0
    (NAN, NAN, NAN),  # wrong without any step
)
NUM_STEPS = (3, 3, 2, 3, 2, 0)
WRONG = (False, True, True, True, True, True)
GROUPS = (0, 0, 0, 1, 1, 1)


def check_shaping(name: str, *, shared: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise a ValueError that names the option if the rule of `mrpo.shaping` cannot be used with these options.

    `shared`, `own`: as in `apply.rule_options`. A rule of a user, or with options of a user, is also called once and
    held to the laws below.
    """
    if name in BUILT_IN and not own:
        return  # the usual case, which needs no import of a rule
    shaping = get_shaping(name)
    options = rule_options(name, shaping, shared=shared, own=own)
    if broken := broken_law(name, shaping, options):
        raise ShapingError(broken)


def broken_law(name: str, shaping: Shaping, options: Mapping[str, Any]) -> str | None:
    """The first law that a rule breaks on the small batch, as a sentence; None if it keeps them.

    Raises ShapingError where `apply.shape_steps` does.
    """
    advantages = torch.tensor(ADVANTAGES, dtype=torch.float64)
    labels, num_steps = torch.tensor(LABELS, dtype=torch.float64), torch.tensor(NUM_STEPS)
    wrong = torch.tensor(WRONG)
    out = shape_steps(name, shaping, advantages, labels, num_steps, wrong, groups=GROUPS, **options)
    kept = out == advantages[:, None]
    own = torch.arange(labels.shape[1]) < num_steps[:, None]
    rule = f"{OPTION}={name}"
    if not shaping.learns_at_zero and not (out[advantages == 0] == 0).all():
        return (
            f"{rule} must return 0 for a rollout with A_i = 0, whose group has nothing to learn from, or declare "
            "register_shaping(..., learns_at_zero=True)."
        )
    if not shaping.reads_labels:
        flipped = torch.where(own, 1 - labels.nan_to_num(0.5), labels)
        again = shape_steps(name, shaping, advantages, flipped, num_steps, wrong, groups=GROUPS, **options)
        if not torch.equal(again, out):
            return f"{rule} reads the labels; declare register_shaping(..., reads_labels=True)."
    if not shaping.changes_right(options) and not kept[own & ~wrong[:, None]].all():
        return (
            f"{rule} must keep A_i on the steps of a right answer, or declare register_shaping(..., "
            "changes_right_rollouts=True)."
        )
    return None
