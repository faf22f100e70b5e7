"""The files of a distillation: parquet for verl's SFT trainer, a dump for `mrpo judge audit`; whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CHUNK_ROWS = 64
SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.struct([("bytes", pa.binary())]))),
        (
            "extra_info",
            pa.struct(
                [
                    ("split", pa.string()),
                    ("index", pa.string()),
                    ("run", pa.string()),
                    ("rollout", pa.string()),
                    ("teacher", pa.string()),
                    ("rubric", pa.string()),
                    ("labels", pa.list_(pa.int8())),
                    ("grades_of_teacher", pa.bool_()),  # false: every grade is the label
                    ("image_hashes", pa.list_(pa.string())),
                    ("may_leave_machine", pa.bool_()),
                ]
            ),
        ),
    ]
)


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write the rows, a chunk in memory at a time; returns their number. Without a row no file is written."""
    rows, count = iter(rows), 0
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(beside, SCHEMA, compression="zstd") as writer:
            while chunk := list(islice(rows, CHUNK_ROWS)):
                writer.write_table(pa.Table.from_pylist(chunk, SCHEMA))
                count += len(chunk)
        if count:
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def dump_line(rollout: Any) -> str:
    """A held-out rollout as `mrpo judge audit` reads it, with the teacher's labels."""
    judge = {"grades": list(rollout.grades)} if rollout.grades is not None else {}
    record = {"steps": rollout.steps, "labels": rollout.labels, "case": rollout.case, "judge": judge}
    line = {"step": rollout.step, "uid": rollout.uid, "output": rollout.output, "mrpo": record}
    return json.dumps(line, ensure_ascii=False)


def lines_of(rollouts: Iterable[Any]) -> Iterator[str]:
    yield from (dump_line(rollout) for rollout in rollouts)
