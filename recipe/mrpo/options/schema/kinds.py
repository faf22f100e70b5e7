"""Kinds of option values as pydantic fields; each knows the words for its allowed values in an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from recipe.mrpo.common.load import is_own

LONGEST_S = 1_000_000
"""Seconds (11 days): more overflows the clocks of the libraries that wait."""
LONGEST_SHOWN = 60
"""Characters of a value in an error."""
LARGEST = 1_000_000
"""Weights and exponents above it would make sums of rewards infinite."""


@dataclass(frozen=True)
class Kind:
    """What a value must be (`words`, after "must be") and the checks that pydantic has no word for.

    `choices`: the allowed names, asked for when a value is checked. `own`: the form of a user's own part beside them.
    `check`: a sentence on the fault of a value of the right type, or None. `secret`: no error shows the value.
    """

    words: str
    choices: Callable[[], Sequence[str]] | None = None
    own: str = ""
    check: Callable[[Any], str | None] | None = None
    secret: bool = False
    null: bool = False

    def wanted(self) -> str:
        words = self.words
        if self.choices is not None:
            words = f"{words} {', '.join(self.choices())}"
        if self.own:
            words = f"{words}, or your own as {self.own}"
        return f"{words} or null" if self.null else words

    def knows(self, value: Any) -> bool:
        """Is `value`, or each entry of it, one of the choices, or a user's own part where there may be one?"""
        if self.choices is None or (self.own and is_own(value)):
            return True
        return set(value if isinstance(value, list) else [value]) <= set(self.choices())


class Told(ValueError):
    """A fault that has its own sentence."""


class Group(BaseModel):
    """A group of options: exactly the names of options.yaml, no conversion of types, no defaults."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _fits_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = kind_of(cls, info.field_name or "")
        if kind is None or value is None:
            return value
        if not kind.knows(value):
            raise ValueError
        if kind.check is not None and (sentence := kind.check(value)) is not None:
            raise Told(sentence)
        return value


def kind_of(group: type[BaseModel], name: str) -> Kind | None:
    """The kind of an option of `group`; None for a group of options and for a name that is not there."""
    field = group.model_fields.get(name)
    extra = field.json_schema_extra if field is not None else None
    return extra["kind"] if isinstance(extra, dict) and "kind" in extra else None  # type: ignore[return-value]


def _field(kind: Kind, **limits: Any) -> Any:
    return Field(json_schema_extra={"kind": kind}, **limits)  # type: ignore[dict-item]


def _range(noun: str, low: float | None, high: float | None, above: float | None) -> str:
    if above is not None:
        return f"{noun} above {above:g}" + ("" if high is None else f" and at most {high}")
    if low is None:
        return f"{noun} of at most {high}"
    return f"{noun} of at least {low}" if high is None else f"{noun} in [{low}, {high}]"


def number(
    low: float | None = None, high: float | None = None, *, above: float | None = None, null: bool = False
) -> Any:
    """A finite number in [low, high], or in (above, high]."""
    kind = Kind(_range("a number", low, high, above), null=null)
    return _field(kind, ge=low, le=high, gt=above, allow_inf_nan=False)


def seconds(low: float = 0, *, null: bool = False) -> Any:
    return number(low, LONGEST_S, null=null)


def whole(low: int, high: int | None = None, *, null: bool = False) -> Any:
    """An integer; at most 2**53, which every JSON reader understands."""
    kind = Kind(_range("a whole number", low, high, None), null=null)
    return _field(kind, ge=low, le=2**53 if high is None else high)


def weight() -> Any:
    return number(-LARGEST, LARGEST)


def truth(**default: bool) -> Any:
    return _field(Kind("true or false"), **default)


def text(
    words: str = "text", *, null: bool = False, check: Callable[[str], str | None] | None = None, secret: bool = False,
    pattern: str | None = None, **default: Any,
) -> Any:  # fmt: skip
    """Printable text that is not blank."""

    def fault(value: str) -> str | None:
        if not value.isprintable():  # no path, address or name holds a line break, a NUL or a terminal's escape
            raise ValueError
        return check(value) if check is not None else None

    return _field(Kind(words, null=null, check=fault, secret=secret), pattern=pattern or r"\S", **default)


def one_of(choices: Callable[[], Sequence[str]] | Sequence[str], *, own: str = "") -> Any:
    return _field(Kind("one of", choices=choices if callable(choices) else lambda: choices, own=own))


def some_of(choices: Sequence[str]) -> Any:
    return _field(Kind("a list of some of", choices=lambda: choices))


def texts(words: str, *, null: bool = False) -> Any:
    def blank(value: list[str]) -> str | None:
        if not all(item.strip() for item in value):
            raise ValueError
        return None

    return _field(Kind(words, null=null, check=blank))


def mapping(words: str, *, null: bool = False, check: Callable[[Any], str | None] | None = None) -> Any:
    return _field(Kind(words, null=null, check=check))


def is_json(value: Any) -> bool:
    """Can JSON hold this value as it is? Infinite numbers and nan cannot stand in it."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(below) for key, below in value.items())
    if isinstance(value, list):
        return all(map(is_json, value))
    return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))


def shown(value: Any) -> str:
    """A value in an error: printable, and not longer than a line."""
    text = "".join(c if c.isprintable() else " " for c in repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
