"""All tables of a run's scores, printed or written as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from recipe.mrpo.common.whole_file import write_text
from recipe.mrpo.evaluate.scores.published.beside import published_tables
from recipe.mrpo.evaluate.scores.tables.answers import answer_tables
from recipe.mrpo.evaluate.scores.tables.others import other_tables
from recipe.mrpo.evaluate.scores.tables.reasoning import reasoning_tables
from recipe.mrpo.evaluate.scores.tables.table import FORMATS, Table


def all_tables(scores: Mapping[str, Any]) -> list[Table]:
    return list(chain(answer_tables(scores), reasoning_tables(scores), other_tables(scores), published_tables(scores)))


def write_tables(
    tables: Iterable[Table], folder: Path, formats: Iterable[str] = ("markdown", "latex", "csv")
) -> list[Path]:
    """A file for each table and format: `answers.md`, `answers.tex`, `answers.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in tables:
        for name in formats:
            file = folder / f"{table.name}.{FORMATS[name]}"
            write_text(file, table.formatted(name) + "\n")
            written.append(file)
    return written
