"""Errors of a data set, always told with the file, the row and the reason."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

LONGEST_REASON = 600
"""Characters of a reason that are shown: it may quote a cell of any size."""


class DataError(ValueError):
    """A data set as a whole cannot be read: a file is missing, has the wrong columns or is broken."""


class NotThere(DataError):
    """Nothing of the data set was found where it was looked for."""


class DamagedFile(DataError):
    """A file ends the run, because everything behind the damaged place is lost; `--skip-bad` does not pass over it."""


class BadRow(DataError):
    """One row cannot be used; `--skip-bad` leaves it out instead of failing.

    `row` is the record's index (from 0) or, in line-based files, the line number (from 1), as `where` says. `split`:
    the one it would belong to; None: not known.
    """

    def __init__(self, file: str | Path, row: int | str, reason: str, split: str | None = None):
        self.file, self.row, self.reason, self.split = Path(file).name, row, shortened(reason), split
        super().__init__(f"{self.file}, {row if isinstance(row, str) else f'row {row}'}: {self.reason}")

    def of(self, split: str | None) -> BadRow:
        """The same, of a split, where none was known."""
        self.split = self.split or split
        return self


def shortened(text: str, longest: int = LONGEST_REASON) -> str:
    """A text with its middle left out if it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]} … {text[head - longest :]}"


def shown(value: Any) -> str:
    """A value of an untrusted file for a message: a line at most, however deeply it is nested."""
    short = reprlib.Repr()
    short.maxlevel = 2
    return shortened(short.repr(value), 200)
