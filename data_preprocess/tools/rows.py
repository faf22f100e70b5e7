"""Reading the parquet files that this package wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.source.errors import DataError
from data_preprocess.tools.shared_images import ImageSet

BUFFER = 2**20
"""Column chunks are read through a buffer of this size, else a row group of images is read at once."""


def open_rows(file: Path) -> pq.ParquetFile:
    """Raises DataError if a file is missing, broken, or not of this package's schema."""
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is no parquet file: {error}") from error
    missing = {"images", "extra_info", "data_source"} - set(parquet.schema_arrow.names)
    if missing:
        raise DataError(f"{file.name} lacks the columns {', '.join(sorted(missing))}; make it with this package")
    return parquet


def iter_rows(file: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of a file, few at a time in memory."""
    try:
        for batch in open_rows(file).iter_batches(batch_size=16, columns=columns):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is damaged: {error}") from error


def infos(file: Path) -> list[dict[str, Any]]:
    """`extra_info` of every row, with its `data_source`, without the images."""
    return [
        row["extra_info"] | {"data_source": row["data_source"]}
        for row in iter_rows(file, ["data_source", "extra_info"])
    ]


def image_set(file: Path) -> ImageSet:
    """The different images of a file with their hashes."""
    images = ImageSet()
    for number, row in enumerate(iter_rows(file, ["images", "extra_info"])):
        info = row["extra_info"]
        images.add(number, info["image_sha256"], info["image_id"], row["images"][0]["bytes"])
    return images


def image_bytes(file: Path, wanted: set[int]) -> dict[int, bytes]:
    """Image bytes of some rows."""
    return {n: row["images"][0]["bytes"] for n, row in enumerate(iter_rows(file, ["images"])) if n in wanted}
