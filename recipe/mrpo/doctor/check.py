"""What one check of the doctor found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recipe.mrpo.common.printable import printable


@dataclass(frozen=True)
class Check:
    """`ok`: True, False, or None if there was nothing to check; `says`: the finding; `do`: the remedy."""

    name: str
    ok: bool | None
    says: str
    do: str = ""

    def __post_init__(self) -> None:
        # The text may come from an endpoint or a file.
        object.__setattr__(self, "says", printable(self.says))
        object.__setattr__(self, "do", printable(self.do))

    def line(self) -> str:
        mark = {True: "ok", False: "FAILED", None: "-"}[self.ok]
        advice = f"\n{'':8}{'':14}-> {self.do}" if self.do else ""
        return f"{mark:8}{self.name:14}{self.says}{advice}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
