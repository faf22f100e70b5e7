"""Shaping rules by name. Listing the names imports no torch; a rule is imported when it is asked for.

Notation of all rules: A_i the group-relative advantage, v_k the label of step k, k* the first invalid step,
"wrong" R_ans <= tau. A token outside every step keeps A_i under every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from recipe.mrpo.common.registry import Registry

if TYPE_CHECKING:
    import torch

OPTION = "mrpo.shaping"


class ShapingError(ValueError):
    """A shaping rule that cannot be used; the message names the option to change."""


class StepRule(Protocol):
    """The advantage of every step of every rollout: (B, K) float64.

    `advantages`: (B,) float64, A_i. `labels`: (B, K) float64 with 1 valid, 0 invalid, NaN unknown; columns beyond a
    rollout's own steps are NaN, too, and so are right rollouts unless the rule `changes_right_rollouts`.
    `num_steps`: (B,) int64. `wrong`: (B,) bool. A rule that names `groups` also gets (B,) int64, the group of each
    rollout. `options`: those that the rule's signature names, from `mrpo.shaping_options`.
    """

    def __call__(
        self,
        advantages: torch.Tensor,
        labels: torch.Tensor,
        num_steps: torch.Tensor,
        wrong: torch.Tensor,
        **options: Any,
    ) -> torch.Tensor: ...


@dataclass(frozen=True)
class Shaping:
    """A rule, and the facts about it that the rest of the run needs."""

    rule: StepRule
    reads_labels: bool = True
    """False: the judge need not be asked for this rule (`mrpo.judge`), and an unknown label changes nothing."""
    changes_right_rollouts: bool | str = False
    """False: a rollout with a right answer keeps A_i on all its steps. A text: the option that does if not 0."""
    learns_at_zero: bool = False
    """True: the steps of a rollout with A_i = 0 may get another advantage; else its group has nothing to learn from."""
    process_only_if_right: bool = False
    """True: the process reward of a wrong rollout counts as 0 before the group statistics are taken."""

    def changes_right(self, options: Mapping[str, Any]) -> bool:
        """May a right rollout change under these options of the rule (`mrpo.shaping_options`)?"""
        changes = self.changes_right_rollouts
        return bool(options.get(changes)) if isinstance(changes, str) else changes


_HERE = "recipe.mrpo.credit.shaping"
SHAPINGS: Registry[Shaping] = Registry(
    "shaping rule",
    {name: f"{_HERE}.{name}" for name in ("mrpo", "none", "vppo", "pgrpo", "step_credit", "srar")},
)
BUILT_IN = SHAPINGS.names()

Rule = TypeVar("Rule", bound=Callable[..., Any])


def register_shaping(name: str, **about: Any) -> Callable[[Rule], Rule]:
    """Decorator: `mrpo.shaping=<name>` uses this rule. `about`: the fields of Shaping that differ from its defaults.

    Raises ValueError if the name is taken.
    """

    def keep(rule: Rule) -> Rule:
        SHAPINGS.register(name)(Shaping(rule, **about))
        return rule

    return keep


def get_shaping(name: str) -> Shaping:
    """The rule of that name, or the user's own one (`package.module:name`, `folder/file.py:name`).

    A user's rule is a function or a Shaping; a function decorated with `register_shaping` keeps its declarations.
    Raises ValueError with the option's name for a name that leads to no rule.
    """
    found: Any = SHAPINGS.get(name, OPTION)
    if isinstance(found, Shaping):
        return found
    if not callable(found):
        raise ValueError(f"{OPTION}={name} must be a function or a Shaping, not {type(found).__name__}.")
    declared = (SHAPINGS.get(known, OPTION) for known in SHAPINGS.names() if known not in BUILT_IN)
    return next((shaping for shaping in declared if shaping.rule is found), Shaping(found))
