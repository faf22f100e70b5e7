"""Parquet files that are whole or not there: temporary file, then rename; the same rows give the same bytes.

A long conversion goes through parts (`PartFile`): each chunk of rows is a separate Arrow file in a hidden folder
beside the target, so that an interrupted run goes on where it stopped and memory holds one chunk at a time. Parts are
Arrow and not parquet because they are written and read once more, which Arrow does at the speed of a copy.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.convert.schema import find_fault
from data_preprocess.source.errors import DataError

CHUNK_ROWS = 64
"""Rows of a row group and of a part: 26 MB with images of 400 KB."""


def write_parquet(
    rows: Iterable[dict[str, Any]],
    path: Path,
    *,
    schema: pa.Schema,
    describe: Callable[[Path], Mapping[Path, str]] = lambda whole: {},
) -> int:
    """Check rows and write them as one parquet file; returns their number.

    `describe`: texts of the files to write beside it, from the complete file. Raises DataError naming row and reason
    for a row that breaks the schema; then no file is written.
    """
    iterator = iter(rows)
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_folders([path])
    with ExitStack() as stack:
        temporary = stack.enter_context(_replaced(path, durable=True))
        with pq.ParquetWriter(temporary, schema, **_settings(schema)) as writer:
            while chunk := list(islice(iterator, CHUNK_ROWS)):
                writer.write_table(_table(chunk, schema, first=count, name=path.name))
                count += len(chunk)
        _write_texts(describe(temporary), stack)
    return count


class PartFile:
    """A parquet file in the making, chunk by chunk, that survives an interruption.

    `fingerprint` stands for everything the rows depend on; parts of another fingerprint are thrown away.
    """

    def __init__(self, path: Path, *, schema: pa.Schema, fingerprint: str):
        self.path, self.schema = path, schema
        self.folder = path.with_name(f".{path.name}.parts")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.folder, path)
        state = self.folder / "fingerprint"
        if not state.exists() or state.read_text() != fingerprint:
            for old in self.folder.iterdir():
                old.unlink()
            state.write_text(fingerprint)

    def report(self, chunk: int) -> dict[str, Any] | None:
        """The report of a chunk, as it was written with it; None if the chunk has to be made (again).

        A power cut can leave a file without its content, so a part and its report count only if both can be read.
        """
        try:
            report = json.loads(self._report(chunk).read_text(encoding="utf-8"))
            _read_part(self._part(chunk))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, pa.ArrowInvalid):
            return None
        return report

    def put(self, chunk: int, rows: list[dict[str, Any]], report: dict[str, Any]) -> None:
        """Write a chunk; it counts once its report is there, which comes last."""
        table = _table(rows, self.schema, first=chunk * CHUNK_ROWS, name=self.path.name)
        with (
            _replaced(self._part(chunk), durable=False) as temporary,
            pa.ipc.new_file(str(temporary), self.schema) as writer,
        ):
            writer.write_table(table)
        with _replaced(self._report(chunk), durable=False) as temporary:
            temporary.write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")

    @property
    def whole(self) -> Path:
        """The complete file before `write_texts` gives it its name."""
        return self.folder / "whole.parquet"

    def assemble(self, chunks: Iterable[int]) -> Path:
        """Write the complete file, still beside the parts; returns where."""
        with (
            _replaced(self.whole, durable=True) as temporary,
            pq.ParquetWriter(temporary, self.schema, **_settings(self.schema)) as writer,
        ):
            for chunk in chunks:
                table = _read_part(self._part(chunk))
                if table.num_rows:
                    writer.write_table(table)
        return self.whole

    def discard(self) -> None:
        """Throw the parts away, and let another process have the target."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let another process have the target; finished parts stay for the next run."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _part(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.arrow"

    def _report(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.json"


def write_texts(texts: Mapping[Path, str], *, publish: Sequence[PartFile] = ()) -> None:
    """Write texts under their names, and give complete parquet files theirs: first all contents, then all names.

    After an interruption between two names the next run makes the files whole, because the parts are still there.
    """
    refuse_folders(parts.path for parts in publish)
    with ExitStack() as stack:
        _write_texts(texts, stack)
        for parts in publish:
            os.replace(parts.whole, parts.path)


def _write_texts(texts: Mapping[Path, str], stack: ExitStack) -> None:
    """Write texts under temporary names, which become theirs when the stack ends well."""
    refuse_folders(texts)
    for path, text in texts.items():
        temporary = stack.enter_context(_replaced(path, durable=True))
        temporary.write_text(text, encoding="utf-8")


def refuse_folders(paths: Iterable[Path]) -> None:
    """Raises DataError if a folder or a device has the name that a file is to get: then no file gets its name."""
    for path in paths:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{path} is not an ordinary file, and would be replaced by one; name another --out")
        if path.is_dir():
            raise DataError(f"{path} is a folder, and a file is to get that name; move it or name another --out")


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
            raise DataError(f"{name}, row {number}: {fault}")
    return pa.Table.from_pylist(rows, schema=schema)


def _read_part(part: Path) -> pa.Table:
    with pa.memory_map(str(part)) as source:
        return pa.ipc.open_file(source).read_all()


def _lock(folder: Path, path: Path) -> int:
    """A lock that ends with this process, however it ends. Raises DataError if another process has it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DataError(f"another process is writing {path}; wait for it or name another --out") from None
    return lock


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Arrow's errors of a full disk name no file; this one does."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


@contextmanager
def _replaced(path: Path, *, durable: bool) -> Iterator[Path]:
    """A temporary name beside `path` that replaces it if the block ends well, and vanishes if not.

    `durable`: on disk before it replaces anything; a part that a power cut may lose need not be.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with _named(path):
            yield temporary
        if durable:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
