"""How many rows of the data verl leaves out because their prompt is too long; verl 0.9.1 says it with one print."""

from __future__ import annotations

import os
from collections.abc import Sized
from typing import Any

from omegaconf import DictConfig


def rows_too_long(data: DictConfig, dataset: Sized | Any) -> int | None:
    """Rows of the local parquet files `data.train_files` that verl's data set does not have; None if unknown.

    Unknown: a limit on the number of rows, a data set of the user's own, files that are not local parquet.
    """
    import pyarrow.parquet as pq

    files = data.get("train_files")
    files = [files] if isinstance(files, str) else list(files or ())
    own_class = (data.get("custom_cls") or {}).get("path") is not None
    if data.get("train_max_samples", -1) > 0 or own_class or not isinstance(dataset, Sized) or not files:
        return None
    paths = [os.path.expanduser(str(file)) for file in files]
    if not all(path.endswith(".parquet") and os.path.isfile(path) for path in paths):
        return None
    return sum(pq.ParquetFile(path).metadata.num_rows for path in paths) - len(dataset)
