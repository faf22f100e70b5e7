"""A JSONL file that is only appended to: the newest line of an id counts, and a torn last line is cut off."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest line of an id: its first byte in the file, the hash of its input, and whether it holds a failure."""

    offset: int
    input_hash: str
    failed: bool


class AppendLog:
    """The lines of `path` by their "id"; of each only its place is kept in memory.

    `failed`: does a line hold a failure, so that the next run tries again? A last line without a line feed was cut off
    by a killed process: it is removed before anything is appended. Other lines that are not rows are told and left out.
    """

    def __init__(self, path: Path, *, failed: Callable[[Mapping[str, Any]], bool], writable: bool = True) -> None:
        self.path = path
        self.torn = 0
        self._failed = failed
        self._entries: dict[str, Entry] = {}
        if writable:
            path.touch()
            self._file = path.open("r+b")
        else:
            self._file = path.open("rb")
        self._index(writable)

    def _index(self, writable: bool) -> None:
        offset = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                self.torn = len(line)
                logger.warning("%s:%d: the last line was cut off; it is removed and done again", self.path, number)
                break
            fault = self._take(line, offset)
            if fault:
                logger.warning("%s:%d %s; the line is left out", self.path, number, fault)
            offset += len(line)
        if self.torn and writable:
            self._file.truncate(offset)
        self._end = offset

    def _take(self, line: bytes, offset: int) -> str | None:
        try:
            row = json.loads(line)
            name, input_hash = row["id"], row["input_hash"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return f"is not a row of an evaluation ({type(error).__name__})"
        if not isinstance(name, str) or not isinstance(input_hash, str):
            return "has an id or an input_hash that is not a text"
        self._entries[name] = Entry(offset, input_hash, self._failed(row))
        return None

    def done(self, name: str, input_hash: str) -> bool:
        """Is there a line of this id, from this input, that holds no failure?"""
        entry = self._entries.get(name)
        return entry is not None and entry.input_hash == input_hash and not entry.failed

    def entry(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def row(self, name: str) -> dict[str, Any] | None:
        """The newest line of an id, or None."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        self._file.seek(entry.offset)
        return json.loads(self._file.readline())

    def rows(self) -> Iterator[dict[str, Any]]:
        """The newest line of each id, in the order in which the ids came first."""
        for name in list(self._entries):
            row = self.row(name)
            if row is not None:
                yield row

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a line. It is whole on the disk's side before this returns, unless the machine itself goes down."""
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        try:
            data = line.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which a model may write as an escape
            data = json.dumps(row, separators=(",", ":"), allow_nan=False).encode()
        self._file.seek(self._end)
        self._file.write(data + b"\n")
        self._file.flush()
        self._take(data, self._end)
        self._end += len(data) + 1

    def close(self) -> None:
        """Write everything to the disk and close the file."""
        if self._file.writable():
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> AppendLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
