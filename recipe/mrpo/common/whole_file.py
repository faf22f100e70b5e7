"""Files that a reader sees whole or not at all: written beside, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_text(file: Path, text: str) -> None:
    """Write or replace `file`. A process that is killed meanwhile leaves the old file, if there was one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def write_json(file: Path, content: Any) -> None:
    """As JSON, indented, in ASCII. Raises ValueError for nan and infinity, which are not JSON."""
    write_text(file, json.dumps(content, ensure_ascii=True, allow_nan=False, indent=1) + "\n")
