"""Results of a conversion: counts of each split, for the card and the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from data_preprocess.reasoning.gold import JoinReport
from data_preprocess.source.errors import BadRow, DataError


@dataclass
class SplitResult:
    """Counts of one split."""

    split: str
    path: Path
    whole: Path | None = None
    """The complete file before it gets its name."""
    rows: int = 0
    open_rows: int = 0
    gold_rows: int = 0
    kept: int = 0
    """Rows that an interrupted run had made already."""
    dropped: Counter[str] = field(default_factory=Counter)
    quirks: Counter[str] = field(default_factory=Counter)
    converted: list[dict[str, str]] = field(default_factory=list)
    """Images that were not stored as original bytes: image_id, quirks, sha256 before and after."""
    images: set[str] = field(default_factory=set)
    answer_types: Counter[str] = field(default_factory=Counter)
    join: JoinReport = field(default_factory=JoinReport)


@dataclass
class Result:
    splits: list[SplitResult]
    bad: list[BadRow]
    notes: list[str]
    gold_unused: int
    absent: list[str] = field(default_factory=list)
    """Splits of the data set that have no row, so no file."""
    warnings: list[str] = field(default_factory=list)


class BadRows(DataError):
    """Rows that cannot be used, and no `--skip-bad`: nothing is written."""

    def __init__(self, bad: list[BadRow]):
        self.bad = bad
        shown = "\n".join(f"  {error}" for error in bad[:20])
        more = f"\n  … and {len(bad) - 20} more" if len(bad) > 20 else ""
        super().__init__(
            f"{len(bad)} bad row{'s' * (len(bad) > 1)}, nothing was written:\n{shown}{more}\n"
            "Correct the source, or leave these rows out with --skip-bad."
        )
