"""The options of the answer reward, the node mrpo.rewards.answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.words.normalise import RULES

ACCEPT = ("covered", "exact")
YES_NO = ("sentence", "leading", "exact", "mix")
TERMS = ("rouge1", "bleu1", "bertscore")


@dataclass(frozen=True)
class AnswerOptions:
    """The node mrpo.rewards.answer without weight and encoder; the defaults are in options.yaml.

    Raises ValueError naming the option for a value out of range.
    """

    mix: Mapping[str, float]
    compat: str
    accept: str
    normalise: frozenset[str]
    conflicts: frozenset[str]
    conflict_cap: float
    yes_no: str
    max_chars: int
    max_math_chars: int
    math_timeout_s: float

    def __post_init__(self) -> None:
        node = "mrpo.rewards.answer"
        if set(self.mix) != set(TERMS) or min(self.mix.values()) < 0 or abs(sum(self.mix.values()) - 1) > 1e-6:
            wanted = ", ".join(TERMS)
            raise ValueError(f"{node}.mix needs {wanted}, none negative, that sum to 1, not {dict(self.mix)}.")
        for name, value, allowed in (
            ("compat", {self.compat}, ("none", "reference")),
            ("accept", {self.accept}, ACCEPT),
            ("yes_no", {self.yes_no}, YES_NO),
            ("normalise", self.normalise, RULES),
            ("conflicts", self.conflicts, CONFLICTS),
        ):
            if unknown := sorted(set(value) - set(allowed)):
                raise ValueError(f"{node}.{name}: {unknown[0]!r} is unknown; choose from {', '.join(allowed)}.")
        if not 0 <= self.conflict_cap <= 1:
            raise ValueError(f"{node}.conflict_cap must be in [0, 1], not {self.conflict_cap}.")
        for name in ("max_chars", "max_math_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{node}.{name} must be at least 1, not {getattr(self, name)}.")
        if not 0 < self.math_timeout_s < float("inf"):
            raise ValueError(f"{node}.math_timeout_s must be a number above 0, not {self.math_timeout_s}.")
