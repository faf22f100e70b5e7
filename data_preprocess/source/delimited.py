"""Delimited text: CSV with a header, and the `|`-separated lists of ImageCLEF."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_preprocess.source.errors import BadRow, DataError, shortened
from data_preprocess.source.text_files import encoding_of, not_decoded, read_text

LONGEST_CELL = 2**27
"""Characters of a cell: it may hold an image as base64."""
DELIMITERS = (",", ";", "\t", "|")
"""Tried when a column is not found, for a hint."""


def read_csv(
    file: Path, columns: Sequence[str], *, delimiter: str = ",", encoding: str | None = None
) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    """Rows of a CSV file with a header, with the number of the line each ends on; one of another width as BadRow.

    Raises DataError if the file is missing, is not text of its encoding, or lacks a column or has it twice.
    """
    encoding = encoding_of(file, encoding)
    csv.field_size_limit(LONGEST_CELL)
    with file.open(encoding=encoding, newline="") as stream:
        reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
        try:
            header = [name.removeprefix("\ufeff") for name in reader.fieldnames or ()]
            reader.fieldnames = header
            _check_header(file, header, columns, delimiter)
            for row in reader:
                if None in row or None in row.values():
                    where = f"line {reader.line_num}"
                    row = BadRow(file, where, f"not as many fields as the header ({len(header)})")
                yield reader.line_num, row
        except UnicodeError:
            raise not_decoded(file, encoding) from None
        except csv.Error as error:
            raise DataError(f"{file.name}, line {reader.line_num}: no CSV ({error})") from error


def _check_header(file: Path, header: list[str], columns: Sequence[str], delimiter: str) -> None:
    doubled = [name for name, count in Counter(header).items() if count > 1 and name in columns]
    if doubled:
        raise DataError(f"{file.name} has the column {doubled[0]} twice; rename one of the two in its header")
    missing = [name for name in columns if name not in header]
    if not missing:
        return
    found = shortened(", ".join(header)) or "none"
    others = [other for other in DELIMITERS if other != delimiter and len(header) == 1 and other in header[0]]
    hint = f"; its columns seem to be separated by {others[0]!r} (`delimiter` in the mapping)" if others else ""
    raise DataError(f"{file.name} lacks the columns {', '.join(missing)}; it has {found}{hint}")


def read_fields(file: Path, count: int | None) -> Iterator[tuple[str, list[str] | BadRow]]:
    """Lines of a `|`-separated file without header, as ("line 7", fields); a line of another width comes as BadRow.

    `count`: fields of a line; None: two or more. Raises DataError if the file cannot be read.
    """
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("|")
        where = f"line {number}"
        if len(fields) < 2 or (count is not None and len(fields) != count):
            expected = "two or more" if count is None else str(count)
            yield where, BadRow(file, where, f"{len(fields)} fields separated by |, where {expected} belong")
        else:
            yield where, fields
