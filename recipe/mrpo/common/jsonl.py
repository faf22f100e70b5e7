"""Files with one JSON value a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_jsonl(file: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file; a last line cut off by a killed process is left out.

    Raises ValueError naming file and line for a broken line anywhere else.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                return
            raise ValueError(f"{file}:{number} is no JSON: {error}") from error
