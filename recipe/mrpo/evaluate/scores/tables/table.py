"""A table of figures, written as text, Markdown, LaTeX or CSV. Cells from files are data in all of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tabulate import tabulate

from recipe.mrpo.common.printable import printable

FORMATS = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv"}
"""Format: ending of its files."""
LIMIT = 80
"""Characters of a text in a cell; CSV has all."""


@dataclass(frozen=True)
class Figure:
    """A share (shown in percent) or another number, with its interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    percent: bool = True
    digits: int = 1

    @classmethod
    def of(cls, interval: Mapping[str, Any] | None, *, percent: bool = True, digits: int = 1) -> Figure:
        if interval is None:
            return cls(None, percent=percent)
        return cls(interval["value"], interval.get("low"), interval.get("high"), percent, digits)

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        scale = 100 if self.percent else 1
        text = f"{scale * self.value:.{self.digits}f}"
        if self.low is None or self.high is None:
            return text
        return f"{text} [{scale * self.low:.{self.digits}f}, {scale * self.high:.{self.digits}f}]"


Cell = str | int | float | Figure | None


@dataclass(frozen=True)
class Table:
    name: str
    """Of its file, in lower case with underscores."""
    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)

    def text(self) -> str:
        table = tabulate(
            self._cells(), self.headers, tablefmt="simple", disable_numparse=True, colalign=self._aligned()
        )
        return "\n".join([self.title, "", table, *(printable(note) for note in self.notes)])

    def markdown(self) -> str:
        cells = [[_markdown(text) if isinstance(cell, str) else text for text, cell in zip(texts, row, strict=True)]
                 for texts, row in zip(self._cells(), self.rows, strict=True)]  # fmt: skip
        table = tabulate(cells, self.headers, tablefmt="github", disable_numparse=True, colalign=self._aligned())
        return "\n\n".join(
            [f"**{_markdown(self.title)}**", table, *(_markdown(printable(note)) for note in self.notes)]
        )

    def latex(self) -> str:
        """A `tabular` with booktabs; title and notes are comments."""
        made = tabulate(self._cells(), self.headers, tablefmt="latex_booktabs", disable_numparse=True,
                        colalign=self._aligned())  # fmt: skip
        return "\n".join([*(f"% {printable(line)}" for line in (self.title, *self.notes)), made])

    def csv(self) -> str:
        """Unrounded numbers; a figure has three columns: itself, low, high. Shares are not in percent."""
        wide = [any(isinstance(row[i], Figure) for row in self.rows) for i in range(len(self.headers))]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            name for header, three in zip(self.headers, wide, strict=True)
            for name in ([header, f"{header} low", f"{header} high"] if three else [header])
        )  # fmt: skip
        for row in self.rows:
            writer.writerow(value for cell, three in zip(row, wide, strict=True) for value in _csv(cell, three=three))
        return out.getvalue().rstrip("\n")

    def formatted(self, name: str) -> str:
        return {"text": self.text, "markdown": self.markdown, "latex": self.latex, "csv": self.csv}[name]()

    def _cells(self) -> list[list[str]]:
        return [["-" if c is None else printable(c, LIMIT) if isinstance(c, str) else str(c) for c in row]
                for row in self.rows]  # fmt: skip

    def _aligned(self) -> list[str] | None:
        if not self.rows:
            return None
        return ["left" if isinstance(cell, str) else "right" for cell in self.rows[0]]


def _markdown(text: str) -> str:
    """Text that Markdown shows as it is: no column, no markup, no link, no tag."""
    for mark in "\\`*_[]|~$":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _csv(cell: Cell, *, three: bool) -> list[Any]:
    if isinstance(cell, Figure):
        return [cell.value, cell.low, cell.high]
    if isinstance(cell, str):
        # A spreadsheet runs a text that begins like a formula.
        cell = f"'{cell}" if cell.lstrip()[:1] in ("=", "+", "-", "@") else cell
        cell = printable(cell)
    return [cell, None, None] if three else [cell]
