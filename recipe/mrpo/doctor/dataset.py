"""Can the rows be read, and do they keep the schema?"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from data_preprocess.convert.schema import RL_SCHEMA, SFT_SCHEMA, find_fault
from recipe.mrpo.doctor.check import Check
from recipe.mrpo.endpoint.privacy import may_leave_machine

ADVICE = "make it again with `mrpo data <dataset> --source DIR --out DIR`."


def check_dataset(file: Path, *, rows: int, gold_reasoning: str) -> Check:
    """The file is whole, has the columns of data_preprocess, and its first `rows` rows keep their rules.

    `gold_reasoning`: value of mrpo.gold_reasoning. A file without any row of the training split is one to validate on,
    where a run asks for no gold reasoning: missing gold reasoning is then reported, but not as a fault.
    """
    name = "data"
    if os.path.isdir(file):
        return Check(
            name, False, f"{file} is a folder, not a parquet file", f"name its files: --data {file}/*.parquet."
        )
    if not os.path.isfile(file):
        return Check(name, False, f"there is no {file}", "correct --data, or make the file with `mrpo data <dataset>`.")
    try:
        parquet = pq.ParquetFile(file)
        schema = SFT_SCHEMA if "messages" in parquet.schema_arrow.names else RL_SCHEMA
        missing = [column for column in schema.names if column not in parquet.schema_arrow.names]
        if missing:
            return Check(name, False, f"{file} has no column {', '.join(missing)}", ADVICE)
        first = next(parquet.iter_batches(batch_size=rows, columns=schema.names), None)
        infos = parquet.read(columns=["extra_info"]).column(0)  # reads every row group, without the images
    except (pa.ArrowException, OSError) as error:
        return Check(name, False, f"{file} cannot be read as parquet: {str(error).splitlines()[0]}", ADVICE)
    if not first:
        return Check(name, False, f"{file} has no rows", ADVICE)
    for index, row in enumerate(first.to_pylist()):
        fault = _fault(row)
        if fault:
            return Check(name, False, f"{file}, row {index}: {fault}", ADVICE)
    try:
        for number, info in enumerate(infos.to_pylist()):
            may_leave_machine(info, row=f"row {number} of {file}")
    except ValueError as error:
        return Check(name, False, str(error), ADVICE)
    rows_info = [info or {} for info in infos.to_pylist()]
    bare = sum(not str(info.get("gold_reasoning") or "").strip() for info in rows_info)
    says = f"{file}: {len(infos)} rows, {len(infos) - bare} with gold reasoning"
    if not bare or gold_reasoning != "required":
        return Check(name, True, says)
    if all(info.get("split") not in (None, "", "train") for info in rows_info):
        return Check(name, True, says, "good to validate on; to train on it, convert it with --gold-reasoning FILE.")
    return Check(name, False, says, "convert with --gold-reasoning FILE --reasoning required, or set "
                 "mrpo.gold_reasoning=optional to train the others unshaped.")  # fmt: skip


def _fault(row: dict) -> str | None:
    try:
        fault = find_fault(row)
        if fault is None:
            for image in row["images"]:
                Image.open(io.BytesIO(image["bytes"])).verify()
    except (KeyError, TypeError, AttributeError) as error:
        return f"a cell has a shape that data_preprocess does not write ({type(error).__name__}: {error})"
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        return f"an image cannot be decoded ({error})"
    return fault


def has_private_rows(file: Path) -> bool:
    """Does a row say, or not say clearly, that it must not leave this machine? False for a file that cannot be read."""
    if not os.path.isfile(file):
        return False  # as below; pyarrow would read a folder
    try:
        infos = pq.read_table(file, columns=["extra_info"]).column(0).to_pylist()
    except (pa.ArrowException, OSError):
        return False  # `check_dataset` refuses it
    try:
        return not all(may_leave_machine(info, row=str(file)) for info in infos)
    except ValueError:
        return True  # as above
