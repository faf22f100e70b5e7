"""What `mrpo score` and `mrpo compare` write and print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.common.whole_file import write_json
from recipe.mrpo.evaluate.scores.tables.every import write_tables
from recipe.mrpo.evaluate.scores.tables.table import Table


def write(found: Mapping[str, Any], tables: Sequence[Table], *, out: Path | None, folder: Path | None) -> None:
    """The figures as JSON to `out` and the tables to `folder`, where they are named. Raises ValueError or OSError."""
    if out is not None:
        write_json(out, found)
    if folder is not None:
        write_tables(tables, folder)


def show(found: Mapping[str, Any], headline: Sequence[str], tables: Sequence[Table], form: str) -> None:
    """Print in the form of --format: everything as JSON, the headline alone, or the headline and the tables."""
    if form == "json":
        print(json.dumps(found, allow_nan=False, indent=1))
        return
    print("\n".join(headline))
    if form != "headline":
        for table in tables:
            print(f"\n{table.formatted(form)}")
