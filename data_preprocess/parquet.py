"""Parquet files that are whole or not there: temporary file, then rename; the same rows give the same bytes.

A long conversion goes through parts (`PartFile`): each chunk of rows is a small parquet file of its own in a hidden
folder beside the target, so that an interrupted run goes on where it stopped and memory holds one chunk at a time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.schema import find_fault

CHUNK_ROWS = 64
"""Rows of a row group and of a part: 26 MB with images of 400 KB."""


def write_parquet(rows: Iterable[dict[str, Any]], path: Path, *, schema: pa.Schema) -> int:
    """Check rows and write them as one parquet file; returns their number.

    Raises ValueError naming row and reason for a row that breaks the schema; then no file is written.
    """
    iterator = iter(rows)
    count = 0
    with _writer(path, schema, durable=True) as writer:
        while chunk := list(islice(iterator, CHUNK_ROWS)):
            writer.write_table(_table(chunk, schema, first=count, name=path.name))
            count += len(chunk)
    return count


class PartFile:
    """A parquet file in the making, chunk by chunk, that survives an interruption.

    `fingerprint` stands for everything the rows depend on; parts of another fingerprint are thrown away.
    """

    def __init__(self, path: Path, *, schema: pa.Schema, fingerprint: str):
        self.path, self.schema = path, schema
        self.folder = path.with_name(f".{path.name}.parts")
        state = self.folder / "fingerprint"
        if self.folder.exists() and (not state.exists() or state.read_text() != fingerprint):
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        state.write_text(fingerprint)

    def report(self, chunk: int) -> dict[str, Any] | None:
        """What was said about a chunk when it was written; None if it has to be made (again)."""
        path = self._report(chunk)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def put(self, chunk: int, rows: list[dict[str, Any]], report: dict[str, Any]) -> None:
        """Write a chunk; its report comes last and is what makes it count."""
        with _writer(self._part(chunk), self.schema, durable=False) as writer:
            if rows:
                writer.write_table(_table(rows, self.schema, first=chunk * CHUNK_ROWS, name=self.path.name))
        with _replaced(self._report(chunk), durable=False) as temporary:
            temporary.write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")

    @contextmanager
    def assembled(self, chunks: int) -> Iterator[Path]:
        """The whole file under a temporary name; it takes its place when the block ends well."""
        with _replaced(self.path, durable=True) as temporary:
            with pq.ParquetWriter(temporary, self.schema, **_settings(self.schema)) as writer:
                for chunk in range(chunks):
                    table = pq.read_table(self._part(chunk))
                    if table.num_rows:
                        writer.write_table(table)
            yield temporary

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.parquet"

    def _report(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.json"


def _settings(schema: pa.Schema) -> dict[str, Any]:
    """Images are compressed already: they get neither codec nor dictionary, which would only cost time."""
    images = "images.list.element.bytes"
    columns = [name for name in _leaves(schema) if name != images]
    codecs = dict.fromkeys(columns, "zstd") | {images: "none"}
    return {"compression": codecs, "use_dictionary": columns, "write_statistics": False}


def _leaves(schema: pa.Schema) -> list[str]:
    """Paths of the physical columns, as parquet names them."""

    def walk(path: str, kind: pa.DataType) -> Iterator[str]:
        if pa.types.is_struct(kind):
            for child in kind:
                yield from walk(f"{path}.{child.name}", child.type)
        elif pa.types.is_list(kind):
            yield from walk(f"{path}.list.element", kind.value_type)
        else:
            yield path

    return [leaf for field in schema for leaf in walk(field.name, field.type)]


def _table(rows: list[dict[str, Any]], schema: pa.Schema, *, first: int, name: str) -> pa.Table:
    for number, row in enumerate(rows, start=first):
        fault = find_fault(row)
        if fault is not None:
            raise ValueError(f"{name}, row {number}: {fault}")
    return pa.Table.from_pylist(rows, schema=schema)


@contextmanager
def _writer(path: Path, schema: pa.Schema, *, durable: bool) -> Iterator[pq.ParquetWriter]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        _replaced(path, durable=durable) as temporary,
        pq.ParquetWriter(temporary, schema, **_settings(schema)) as writer,
    ):
        yield writer


@contextmanager
def _replaced(path: Path, *, durable: bool) -> Iterator[Path]:
    """A temporary name beside `path` that replaces it if the block ends well and vanishes if it does not.

    `durable`: on disk before it replaces anything; a part that a power cut may lose need not be.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
