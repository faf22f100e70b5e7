"""New whole lines of a file that another process writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 64 * 2**20
"""Bytes read in one look, so that a huge dump does not hold the screen."""


class Follower:
    """Reads a JSONL file from where it stopped; a half-written last line waits for the next look."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._offset = 0
        self._inode: int | None = None
        self.bad = 0
        """Whole lines that are no JSON object."""
        self.fault: str | None = None
        """Why the file could not be read at the last look."""

    def new_rows(self) -> Iterator[dict[str, Any]]:
        """The rows that were added since the last look. A file that was replaced or cut is read from its beginning."""
        try:
            with self.file.open("rb") as lines:
                about = self.file.stat()
                if about.st_size < self._offset or (self._inode is not None and about.st_ino != self._inode):
                    self._offset = 0
                self._inode = about.st_ino
                lines.seek(self._offset)
                data = lines.read(MOST_BYTES)
        except FileNotFoundError:  # not there yet
            return
        except OSError as error:  # perhaps for a moment only, as on a network file system
            self.fault = f"{self.file.name}: {error.strerror or type(error).__name__}"
            return
        self.fault = None
        whole = data.rpartition(b"\n")[0]
        if not whole and b"\n" not in data:
            return
        self._offset += len(whole) + 1
        for line in whole.split(b"\n"):
            if not line.strip():
                continue
            row = _row(line)
            if row is None:
                self.bad += 1
            else:
                yield row


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
