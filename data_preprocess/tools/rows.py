"""Reading parquet files that are there: those of this package, and other people's in verl's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.convert.prompts import IMAGE
from data_preprocess.convert.schema import EXTRA_INFO, LATER, hash_of_row
from data_preprocess.source.errors import DataError
from data_preprocess.source.image_refs import digest
from data_preprocess.source.parquet_images import damage_told, open_parquet, require_columns
from data_preprocess.source.parquet_shards import NAMELESS
from data_preprocess.source.pictures import named_pictures, pictures, safe_name
from data_preprocess.source.text import BETWEEN_NAMES
from data_preprocess.tools.shared_images import ImageSet
from recipe.mrpo.endpoint.privacy import MAY_LEAVE_MACHINE

_BATCH = 16
_COLUMNS = ("data_source", "extra_info", "reward_model", "prompt", "messages")
_FIELDS = {field.name for field in EXTRA_INFO}


def open_rows(file: Path, needs: Sequence[str] = ("images", "extra_info", "data_source")) -> pq.ParquetFile:
    """Raises DataError if a file is missing, broken, or lacks a column of verl's rows."""
    parquet = open_parquet(file)
    require_columns(file, parquet, needs)
    return parquet


def require_own_schema(file: Path) -> None:
    """Raises DataError for a file whose rows do not have this package's `extra_info`."""
    missing = sorted(_FIELDS - LATER - _fields(open_rows(file)))
    if missing:
        shown = f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
        raise DataError(
            f"{file.name} was not made by this package (its extra_info lacks {shown}); read it with "
            "`python -m data_preprocess own` first"
        )


def _fields(parquet: pq.ParquetFile) -> set[str]:
    """The fields of `extra_info`."""
    kind = parquet.schema_arrow.field("extra_info").type
    return {kind.field(i).name for i in range(kind.num_fields)} if pa.types.is_struct(kind) else set()


def iter_rows(file: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of a file as they are, few at a time in memory."""
    parquet = open_rows(file, columns or ("images", "extra_info", "data_source"))
    with damage_told(file):
        for number, batch in enumerate(parquet.iter_batches(batch_size=_BATCH, columns=columns)):
            try:
                rows = batch.to_pylist()
            except UnicodeDecodeError as error:
                first = number * _BATCH
                raise DataError(f"{file.name}, rows from {first}: a text is not UTF-8") from error
            yield from rows


def images_of(row: Mapping[str, Any], file: Path, number: int) -> list[bytes]:
    """The bytes of a row's images. Raises DataError for images that are not in the file itself."""
    try:
        found = pictures(row["images"])
    except ValueError as error:
        raise DataError(f"{file.name}, row {number}, column images, holds {error}") from error
    if any(isinstance(picture, str) for picture in found):
        raise DataError(f"{file.name}, row {number}: its images are names of files; this command needs their bytes")
    return found


def iter_questions(file: Path) -> Iterator[dict[str, Any]]:
    """Rows with their images, `extra_info` with every field of this package and `data_source`; None: not said.

    Another package's rows say less: question and answer are then taken from where verl has them, the image is known by
    its bytes. Raises DataError for a row without an image, a question or an answer.
    """
    has = open_rows(file, ("images",)).schema_arrow.names
    for number, row in enumerate(iter_rows(file, ["images", *(name for name in _COLUMNS if name in has)])):
        found = images_of(row, file, number)
        if not found:
            raise DataError(f"{file.name}, row {number}: there is no image")
        info = _info(row)
        for what in ("question", "answer"):
            if not info[what]:
                raise DataError(f"{file.name}, row {number} says no {what} (extra_info.{what})")
        hashes = info["image_hashes"] = info["image_hashes"] or [digest(data) for data in found]
        info["image_sha256"] = info["image_sha256"] or hash_of_row(hashes)
        if not info["image_names"]:
            given = [safe_name(path) for _, path in named_pictures(row["images"])]
            own = [info["image_id"]] if info["image_id"] and len(found) == 1 else given
            info["image_names"] = [name or f"{NAMELESS}{sha[:16]}" for name, sha in zip(own, hashes, strict=True)]
        info["image_id"] = info["image_id"] or BETWEEN_NAMES.join(info["image_names"])
        yield row | {"images": [{"bytes": data} for data in found], "extra_info": info}


def _info(row: Mapping[str, Any]) -> dict[str, Any]:
    given = row.get("extra_info")
    info = dict.fromkeys(_FIELDS) | {MAY_LEAVE_MACHINE: True} | (given if isinstance(given, dict) else {})
    if info["question"] is None:
        info["question"] = _asked(row.get("prompt") or row.get("messages"))
    if info["answer"] is None and isinstance(row.get("reward_model"), dict):
        info["answer"] = row["reward_model"].get("ground_truth")
    for name in ("question", "answer", "image_id", "image_sha256"):
        info[name] = str(info[name]) if info[name] is not None else None
    return info | {"data_source": row.get("data_source")}


def _asked(turns: Any) -> str | None:
    """The user's turn without verl's placeholders."""
    turns = turns if isinstance(turns, list) else []
    texts = [turn.get("content") for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
    return next((text.replace(IMAGE, "").strip() for text in texts if isinstance(text, str)), None)


def infos(file: Path) -> list[dict[str, Any]]:
    """`extra_info` of every row with its `data_source`, as `iter_questions` gives it; no image is kept."""
    if not _fields(open_rows(file)) >= _FIELDS:  # files of version 0.1 too: the images are counted
        return [row["extra_info"] for row in iter_questions(file)]
    return [
        row["extra_info"] | {"data_source": row["data_source"]}
        for row in iter_rows(file, ["data_source", "extra_info"])
    ]


def image_set(file: Path) -> ImageSet:
    """The different images of a file in verl's form with their hashes, known by their bytes."""
    images = ImageSet()
    for number, row in enumerate(iter_rows(file, ["images"])):
        for data in images_of(row, file, number):
            try:
                images.add(number, digest(data), data)
            except ValueError as error:
                raise DataError(f"{file.name}, row {number}: the image cannot be read: {error}") from error
    return images


def image_bytes(file: Path, row: int, sha256: str) -> bytes:
    """The image of a row with this hash. Raises DataError if the row has none: the file has changed meanwhile."""
    found = next((images_of(seen, file, n) for n, seen in enumerate(iter_rows(file, ["images"])) if n == row), [])
    image = next((data for data in found if digest(data) == sha256), None)
    if image is None:
        raise DataError(f"{file.name}, row {row}: the image is not there any more; make the report again")
    return image
