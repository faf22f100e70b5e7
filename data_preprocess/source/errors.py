"""What can be wrong with a dataset, always said with the file, the row and the reason."""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """A dataset as a whole cannot be read: a file is missing, has the wrong columns or is broken."""


class BadRow(DataError):
    """One row cannot be used; `--skip-bad` leaves it out instead of failing.

    `row` is the record's index (from 0) or, in line-based files, the line number (from 1), as `where` says. `split`:
    the one it would belong to; None: not known.
    """

    def __init__(self, file: str | Path, row: int | str, reason: str, split: str | None = None):
        self.file, self.row, self.reason, self.split = Path(file).name, row, reason, split
        super().__init__(f"{self.file}, {row if isinstance(row, str) else f'row {row}'}: {reason}")

    def of(self, split: str | None) -> BadRow:
        """The same, of a split, where none was known."""
        self.split = self.split or split
        return self
