"""What a rubric asks of each step, and when the grades make the step valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RULES = ("any", "all")
_NAME = re.compile(r"[a-z][a-z_]{0,30}")
_TAKEN = ("step", "reason")
"""Keys of an entry that are no grades."""
REASON_CHARS = 300
"""Longest reason of a step that is kept."""


@dataclass(frozen=True)
class Grades:
    """The grades of a step: 1 yes, 0 no and, with `not_applicable`, null.

        valid = any    v_k = 1 if one of the counted grades is 1
        valid = all    v_k = 1 if none of the counted grades is 0 and one of them applies

    Raises ValueError for names or a rule that no reply can be read with.
    """

    names: tuple[str, ...]
    valid: str
    not_applicable: bool = False
    counted: tuple[str, ...] = ()
    """The grades that make a step valid; none named: all of them."""
    reasons: bool = False
    """Is a reason asked for with each step?"""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError("its grades must be distinct names, at least one")
        for name in self.names:
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _TAKEN:
                raise ValueError(f"the grade {name!r} must be a lower-case word other than {', '.join(_TAKEN)}")
        if self.valid not in RULES:
            raise ValueError(f"valid must be one of {', '.join(RULES)}, not {self.valid!r}")
        if type(self.not_applicable) is not bool:
            raise ValueError(f"not_applicable must be true or false, not {self.not_applicable!r}")
        unknown = [name for name in self.counted if name not in self.names]
        if unknown:
            raise ValueError(f"it has no grade {unknown[0]}; it has {', '.join(self.names)}")

    def label(self, given: Mapping[str, int | None]) -> int:
        """The label v_k of a step with these grades."""
        counted = [given[name] for name in self.counted or self.names]
        if self.valid == "any":
            return int(1 in counted)
        return int(0 not in counted and 1 in counted)

    def allows(self, grade: object) -> bool:
        # type(), not isinstance: 1.0 and "1" are no grades; true and false are.
        if grade is None:
            return self.not_applicable
        return type(grade) in (int, bool) and grade in (0, 1)

    def schema(self) -> dict[str, Any]:
        """JSON schema of one step's entry. The reason stands first, so that the grades follow from it."""
        grade: dict[str, Any] = {"type": "integer", "enum": [0, 1]}
        if self.not_applicable:
            grade = {"type": ["integer", "null"], "enum": [0, 1, None]}
        parts = {"reason": {"type": "string"}} if self.reasons else {}
        parts |= dict.fromkeys(self.names, grade)
        return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


STUDY = Grades(("alignment", "contribution"), valid="any")
"""The grades of the study, and of a folder that does not say which it has. Source: arXiv 2606.31825."""
