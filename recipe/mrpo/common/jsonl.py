"""Files with one JSON object a line, such as verl's metrics and dumps."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

logger = logging.getLogger(__name__)

_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def read_jsonl(file: Path, *, left_out: Callable[[str], None] = logger.warning) -> Iterator[dict[str, Any]]:
    """The rows of a file; what `numbered_rows` says of it holds here, too."""
    for _, row in numbered_rows(file, left_out=left_out):
        yield row


def numbered_rows(
    file: Path, *, left_out: Callable[[str], None] = logger.warning
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of the line, row) of each line that is not blank.

    A line ends at a line feed only: a text may hold other separators of lines (U+2028, U+0085, a lone carriage return).
    A last line without a line feed that cannot be read was cut off by a killed process, perhaps inside a character; it
    is left out, and `left_out` is called with a sentence on it. Raises ValueError naming file and line for any other
    line that is not a JSON object.
    """
    for number, row in checked_lines(file, left_out=left_out):
        if isinstance(row, str):
            raise ValueError(f"{file}:{number} {row}")
        yield number, row


def checked_lines(
    file: Path, *, left_out: Callable[[str], None] = logger.warning
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(number of the line, row) of each line, with the fault in place of a bad row; as `numbered_rows`."""
    for number, _, row in placed_lines(file, left_out=left_out):
        yield number, row


def placed_lines(
    file: Path, *, left_out: Callable[[str], None] = logger.warning
) -> Iterator[tuple[int, int, dict[str, Any] | str]]:
    """(number of the line, its first byte in the file, row or fault); as `checked_lines`."""
    offset = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            start, offset = offset, offset + len(line)
            row = _row(line, first=number == 1)
            if row is None:
                continue
            if isinstance(row, str) and row.startswith("is not JSON") and not line.endswith(b"\n"):
                left_out(f"{file}:{number}: the last line is cut off and was left out")
                return
            yield number, start, row


def row_at(file: BinaryIO, offset: int) -> dict[str, Any] | str | None:
    """The row that begins at a byte of a file opened in binary mode, or its fault."""
    file.seek(offset)
    return _row(file.readline(), first=offset == 0)


def _row(line: bytes, *, first: bool) -> dict[str, Any] | str | None:
    """The row of a line, its fault in words, or None for a blank line."""
    if first:
        line = line.removeprefix(b"\xef\xbb\xbf")
    if not line.strip():
        return None
    try:
        row = json.loads(line.decode("utf-8"))
    except RecursionError:
        return "is nested too deeply"
    except ValueError as error:  # also what is not UTF-8, and an integer of more than 4,300 digits
        return f"is not JSON: {error}"
    return row if isinstance(row, dict) else f"is not a row: it holds {_KINDS.get(type(row), 'a number')}"
