"""The rows of a run's parquet files by their place, for what needs images again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.scoring.row import read_extra_info

RowKey = tuple[str, str, str]
"""(data_source, split, index) of a row of the data."""


def keyed_rows(files: Sequence[Path]) -> Iterator[tuple[RowKey, dict[str, Any]]]:
    """(key, row with data_source, images and extra_info) of parquet files; 64 rows are in memory at a time.

    Raises ValueError for a file that is no parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in files:
        if not file.is_file():
            raise ValueError(f"--data {file} does not exist")
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"--data {file} cannot be read as parquet: {error}") from error
        columns = [
            name for name in ("data_source", "prompt", "images", "extra_info") if name in parquet.schema_arrow.names
        ]
        for batch in parquet.iter_batches(64, columns=columns):
            for row in batch.to_pylist():
                info = row["extra_info"] = read_extra_info(row.get("extra_info"), row=f"a row of {file}")
                yield (str(row.get("data_source") or ""), str(info.get("split") or ""), str(info.get("index", ""))), row
