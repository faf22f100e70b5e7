"""The data files of a run, opened as verl 0.9.1 opens them: parquet by its schema, JSON by the types that `datasets`
finds in it, files of other machines through the same libraries. Whatever is wrong with one is a sentence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import DictConfig

from recipe.mrpo.options.tree import OptionError

ENDINGS = (".parquet", ".json", ".jsonl")
ROWS_AT_ONCE = 256
"""Rows held in memory, images included."""


@dataclass(frozen=True)
class DataFile:
    """One file of `option` (data.train_files, data.val_files)."""

    name: str
    option: str
    source: Any
    """A pq.ParquetFile, or the datasets.Dataset of a JSON file."""

    @property
    def schema(self) -> pa.Schema:
        return (
            self.source.schema_arrow if isinstance(self.source, pq.ParquetFile) else self.source.features.arrow_schema
        )

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The rows, with those of `columns` that the file has. Raises OptionError for a broken file."""
        have = [name for name in columns if name in self.schema.names]
        try:
            if isinstance(self.source, pq.ParquetFile):
                for batch in self.source.iter_batches(columns=have, batch_size=ROWS_AT_ONCE):
                    yield from batch.to_pylist()
            else:
                yield from self.source.select_columns(have)
        # ValueError, OverflowError: text that is not UTF-8, a date that Python does not have
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise unreadable(self.name, self.option, error) from error


def data_files(data: DictConfig, name: str) -> Iterator[DataFile]:
    """The files of `data[name]`, each open while it is looked at. Raises OptionError for one that cannot be read."""
    given = data.get(name)
    option = f"data.{name}"
    for file in [] if given is None else [given] if isinstance(given, str) else given:
        if not isinstance(file, str) or not file.endswith(ENDINGS):
            raise OptionError(f"{option} must name files that end in {', '.join(ENDINGS)}, not {file!r}.")
        yield DataFile(file, option, _opened(file, data, option))


def _opened(file: str, data: DictConfig, option: str) -> Any:
    path = _local(file, data, option)
    try:
        if not path.endswith(".parquet"):
            return _json_rows(path)
        if "://" not in path:
            return pq.ParquetFile(path)
        import fsspec

        return pq.ParquetFile(fsspec.open(path, "rb").open())
    except (pa.ArrowException, OSError, ValueError, TypeError, ImportError, RuntimeError, LookupError) as error:
        raise unreadable(file, option, error) from error


def _local(file: str, data: DictConfig, option: str) -> str:
    """Where the file can be opened: verl copies hdfs:// to this machine and leaves other addresses to `datasets`."""
    if file.startswith("hdfs://"):
        from verl.utils.fs import copy_to_local

        folder = os.path.expanduser(data.get("cache_dir") or "~/.cache/verl/rlhf")
        try:
            path = copy_to_local(src=file, cache_dir=folder)
        except Exception as error:  # whatever the client of the file system raises
            raise unreadable(file, option, error) from error
        if not Path(path).is_file():
            raise unreadable(file, option, FileNotFoundError("it could not be copied to this machine"))
        return path
    if "://" in file:
        return file
    path = os.path.expanduser(file)
    if not os.path.exists(path):
        raise OptionError(
            f"{file} does not exist; set {option} (DATA_DIR of the example scripts) to the files that `mrpo data` made."
        )
    return path


def _json_rows(path: str) -> Any:
    """The rows of a JSON file with the types that a run will see: `datasets` turns a text that looks like a
    date into a date, and a missing field into null."""
    import datasets

    try:
        return datasets.load_dataset("json", data_files=path)["train"]
    except (datasets.exceptions.DatasetsError, StopIteration) as error:
        raise ValueError(str(error.__cause__ or error) or "it holds nothing") from error


def unreadable(file: str, option: str, error: Exception) -> OptionError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    remote = "; every row is checked before the run, so copy it to this machine" if "://" in file else ""
    return OptionError(f"{file} ({option}) cannot be read: {reason}{remote}.")


def types_differ(first: pa.DataType, second: pa.DataType, path: str) -> str | None:
    """The place where `datasets` cannot join two columns; None: it can. A missing field is filled with null."""
    if pa.types.is_null(first) or pa.types.is_null(second):
        return None
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        fields = {field.name: field.type for field in second}
        found = (types_differ(f.type, fields[f.name], f"{path}.{f.name}") for f in first if f.name in fields)
        return next((place for place in found if place), None)
    if pa.types.is_list(first) and pa.types.is_list(second):
        return types_differ(first.value_type, second.value_type, path)
    return None if first.equals(second) else path
