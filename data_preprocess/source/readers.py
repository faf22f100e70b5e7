"""Reading the containers that datasets come in: JSON lists, Hugging Face parquet folders."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.convert.images import digest
from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.image_refs import file_stamp
from data_preprocess.source.text import clean

_SHARD = re.compile(r"-([0-9]{5})-of-([0-9]{5})")


def read_json_list(file: Path) -> list[Any]:
    """A JSON file that must hold a list. Raises DataError naming the file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{file.name} is no JSON (truncated download?): {error}") from error
    if not isinstance(content, list):
        raise DataError(f"{file.name} must hold a JSON list of records, not {type(content).__name__}")
    return content


def require_fields(record: Any, fields: tuple[str, ...], file: Path, where: int | str) -> None:
    """Raises BadRow if a record is no object or lacks one of the fields."""
    if not isinstance(record, dict):
        raise BadRow(file, where, f"a record must be a JSON object, not {type(record).__name__}")
    missing = [name for name in fields if name not in record]
    if missing:
        found = ", ".join(map(str, record)) or "none"
        raise BadRow(file, where, f"fields missing: {', '.join(missing)}; found: {found}")


def field_text(record: dict[str, Any], name: str, file: Path, where: int | str) -> str:
    """A field's text. Raises BadRow if it is missing, empty, NaN or not text."""
    text = optional_text(record, name, file, where)
    if text is None:
        raise BadRow(file, where, f"{name} is empty")
    return text


def optional_text(record: dict[str, Any], name: str, file: Path, where: int | str) -> str | None:
    """A field's text or None. Raises BadRow if it is neither text nor a number."""
    try:
        return clean(record.get(name))
    except TypeError as error:
        raise BadRow(file, where, f"{name}: {error}") from error


class ParquetImages:
    """The image column of a parquet file, read forwards in small batches, so that memory holds few images at once."""

    BATCH = 16

    def __init__(self, file: Path, column: str):
        self.file, self.column = file, column
        self._first, self._batch, self._batches = 0, pa.array([]), iter(())
        self._started = False

    def bytes_of(self, row: int) -> bytes:
        """Bytes of one row's image. Raises ValueError if the cell has none."""
        if not self._started or row < self._first:
            # Through a buffer: else a whole row group of images is read at once.
            parquet = pq.ParquetFile(self.file, pre_buffer=False, buffer_size=2**20)
            self._batches = parquet.iter_batches(batch_size=self.BATCH, columns=[self.column])
            self._first, self._batch, self._started = 0, pa.array([]), True
        while row >= self._first + len(self._batch):
            self._first += len(self._batch)
            self._batch = next(self._batches).column(0)
        cell = self._batch[row - self._first].as_py()
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not data:
            raise ValueError(f"row {row} of {self.file.name} holds no image bytes")
        return data


@dataclass(frozen=True, slots=True)
class ParquetImage:
    """The image of one row of a parquet file."""

    images: ParquetImages
    row: int
    name: str

    def load(self, max_bytes: int) -> bytes:
        return self.images.bytes_of(self.row)

    def stamp(self) -> tuple[object, ...]:
        return self.row, *file_stamp(self.images.file)


def hf_files(source: Path, split: str) -> list[Path]:
    """Parquet files of a split in a Hugging Face download (`data/train-00000-of-00001.parquet`), in order."""
    for folder in (source / "data", source):
        found = sorted(folder.glob(f"{split}-*.parquet")) or sorted(folder.glob(f"{split}.parquet"))
        if found:
            _check_shards(found)
            return found
    return []


def _check_shards(files: list[Path]) -> None:
    """Raises DataError if shards (`…-00001-of-00003…`) are missing, or are of several versions of a dataset."""
    shards = [(int(m[1]), int(m[2]), file.name) for file in files if (m := _SHARD.search(file.stem))]
    if not shards:
        return
    totals = {total for _, total, _ in shards}
    if len(totals) > 1 or len(shards) != len(files):
        raise DataError(f"{files[0].parent} holds files of several versions: {', '.join(f.name for f in files)}")
    (total,) = totals
    missing = sorted(set(range(total)) - {number for number, _, _ in shards})
    if missing or len(shards) != total:
        raise DataError(f"{files[0].parent} holds {len(shards)} of {total} files of its kind ({shards[0][2]} …)")


def hf_rows(file: Path, columns: tuple[str, ...], *, image: str) -> Iterator[tuple[int, dict[str, Any], ParquetImage]]:
    """Rows of a Hugging Face parquet file with their image left on disk; `columns` must be there.

    Raises DataError if the file is broken or lacks a column, naming the ones it has.
    """
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is no parquet file (truncated download?): {error}") from error
    names = parquet.schema_arrow.names
    missing = [name for name in (*columns, image) if name not in names]
    if missing:
        raise DataError(f"{file.name} lacks the columns {', '.join(missing)}; it has {', '.join(names)}")
    images = ParquetImages(file, image)
    kind = parquet.schema_arrow.field(image).type
    paths = [None] * parquet.metadata.num_rows
    if pa.types.is_struct(kind) and kind.get_field_index("path") >= 0:
        cells = pq.read_table(file, columns=[f"{image}.path"]).column(0).to_pylist()
        paths = [cell.get("path") if isinstance(cell, dict) else cell for cell in cells]
    rest = [name for name in names if name != image]
    row = 0
    for batch in parquet.iter_batches(columns=rest):
        for values in batch.to_pylist():
            yield row, values, ParquetImage(images, row, paths[row] or "")
            row += 1


NAMELESS = "sha256-"
"""How the name of an image without one begins."""


def names_by_bytes(folder: Path | None, pattern: str) -> dict[str, str]:
    """sha256 -> file name of a folder's images: Hugging Face copies keep no names, but often the same bytes."""
    if folder is None:
        return {}
    return {digest(path.read_bytes()): path.name for path in sorted(folder.rglob(pattern)) if path.is_file()}


def name_of(image: ParquetImage, names: dict[str, str]) -> str:
    """Name of an image in a parquet file: its own, the one of the same bytes, or `sha256-<16 digits>`."""
    if image.name:
        return image.name
    try:
        sha256 = digest(image.load(sys.maxsize))
    except ValueError:
        return "missing"  # the image itself is reported when it is read
    return names.get(sha256, f"{NAMELESS}{sha256[:16]}")


def read_csv(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    """Rows of a CSV file with a header, with the number of the line each ends on; one of another width as BadRow.

    Raises DataError if the file is missing or lacks a column.
    """
    try:
        stream = file.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    with stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ()) or "none"
                raise DataError(f"{file.name} lacks the columns {', '.join(missing)}; it has {found}")
            for row in reader:
                if None in row or None in row.values():
                    where = f"line {reader.line_num}"
                    row = BadRow(file, where, f"not as many fields as the header ({len(reader.fieldnames)})")
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{file.name}, line {reader.line_num}: no CSV ({error})") from error


def read_fields(file: Path, count: int | None) -> Iterator[tuple[str, list[str] | BadRow]]:
    """Lines of a `|`-separated file without header, as ("line 7", fields); a line of another width comes as BadRow.

    `count`: fields of a line; None: two or more. Raises DataError if the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name} is no UTF-8 text: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("|")
        where = f"line {number}"
        if len(fields) < 2 or (count is not None and len(fields) != count):
            expected = "two or more" if count is None else str(count)
            yield where, BadRow(file, where, f"{len(fields)} fields separated by |, where {expected} belong")
        else:
            yield where, fields
