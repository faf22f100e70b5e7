"""What one check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from recipe.mrpo.common.printable import printable

OK, FAILED, NOT_HERE = "ok", "failed", "not possible here"

Figures = Mapping[str, float | int | str | None]


class CheckFailed(Exception):
    """The check ran and did not hold; `do` is the remedy."""

    def __init__(self, says: str, do: str) -> None:
        self.says, self.do = says, do
        super().__init__(says)


class NotHere(Exception):
    """The check cannot run here; the message names the missing piece."""


@dataclass(frozen=True)
class Outcome:
    """What a check that held has to say, and its figures with their units in the names."""

    says: str
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One row of the report. `do`: the remedy of a failure, or the piece that is missing."""

    name: str
    state: str
    says: str
    do: str = ""
    device: str = ""
    seconds: float = 0.0
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Both may hold lines of another program's log.
        object.__setattr__(self, "says", printable(self.says))
        object.__setattr__(self, "do", printable(self.do))

    def line(self) -> str:
        advice = f"\n{'':20}-> {self.do}" if self.do else ""
        where = f" ({self.device}, {self.seconds:.0f} s)" if self.device else ""
        return f"{self.state:18}  {self.name:18} {self.says}{where}{advice}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
