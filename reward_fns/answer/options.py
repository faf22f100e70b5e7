"""The options of the answer reward, the node mrpo.rewards.answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ACCEPT = ("covered", "exact")
YES_NO = ("sentence", "leading", "exact", "mix")
TERMS = ("rouge1", "bleu1", "bertscore")


@dataclass(frozen=True)
class AnswerOptions:
    """The node mrpo.rewards.answer without weight and encoder; the schema of the options checks each value.

    Raises ValueError for terms that do not sum to 1.
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
        if abs(sum(self.mix.values()) - 1) > 1e-6:
            raise ValueError(f"{node}.mix needs {', '.join(TERMS)} that sum to 1, not {dict(self.mix)}.")
