"""Data sets as parquet shards, the form of the Hugging Face hub: rows of all files of a split, images left on disk."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_preprocess.datasets import Source
from data_preprocess.source.class_labels import class_labels, label_name
from data_preprocess.source.errors import BadRow, DamagedFile, DataError
from data_preprocess.source.fields import field_text, optional_text
from data_preprocess.source.image_refs import digest
from data_preprocess.source.parquet_images import (
    ParquetImage,
    ParquetImages,
    damage_told,
    open_parquet,
    require_columns,
)
from data_preprocess.source.records import ImageRef, Loaded, Record, shown

_SHARD = re.compile(r"-([0-9]{5})-of-([0-9]{5})")
NAMELESS = "sha256-"
"""How the name of an image without one begins."""
_BATCH = 1024
"""Rows of text in memory at a time."""


NamedImage = tuple[ImageRef, str]


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One row: its text columns and its images, each with its name in the data set."""

    file: Path
    where: int
    index: int
    """Position in the split, from 0, before anything is left out."""
    split: str
    values: dict[str, Any]
    images: tuple[NamedImage, ...]

    def text(self, column: str) -> str:
        """Raises BadRow if the cell is empty, a filler or not text."""
        return field_text(self.values, column, self.file, self.where)

    def optional(self, column: str) -> str | None:
        """None for an empty cell and a column that is not there. Raises BadRow if the cell is not text."""
        return optional_text(self.values, column, self.file, self.where)

    def bad(self, reason: str) -> BadRow:
        return BadRow(self.file, self.where, reason, self.split)

    def record(self, *, question: str = "question", answers: Sequence[str] = (), **facts: Any) -> Record:
        """The record of this row; `question` names its column, `answers` are texts (default: the column answer)."""
        return Record(
            split=self.split, index=self.index, question=self.text(question),
            answers=tuple(answers) or (self.text("answer"),), file=self.file.name, where=self.where,
            **shown(self.images), **facts,
        )  # fmt: skip


def load(
    source: Source,
    files: Mapping[str, Sequence[Path]],
    columns: Sequence[str],
    make_record: Callable[[ShardRow], Record | None] = ShardRow.record,
    *,
    optional: Sequence[str] = (),
    image: str = "image",
    originals: str = "*.jpg",
    notes: Sequence[str] = ("layout hf",),
) -> Loaded:
    """Records of all rows of the splits that are asked for.

    `files`: shards of each split. `columns` must be there, `optional` may; nothing else is read. `make_record`: the
    record of a row, None for one that the loader leaves out (and counts); BadRow for one that cannot be used.
    `originals`: pattern of the files in `--images`; an image takes the name of the file with equal bytes.
    """
    files = {split: list(found) for split, found in files.items() if found and source.wants(split)}
    loaded = Loaded(notes=list(notes), files=[file for found in files.values() for file in found])
    names = names_by_bytes(source.named_images, originals)
    folders = [folder for folder in (source.images, source.folder) if folder is not None]
    shards = Shards(loaded.files, columns, optional=optional, images=(image,), folders=folders, names=names)
    for split, found in files.items():
        index = 0
        for file in found:
            for where, values, images in shards.rows(file):
                try:
                    if isinstance(values, BadRow):
                        raise values
                    row = ShardRow(file, where, index, split, values, images)
                    record = make_record(row)
                    if record is not None:
                        loaded.records.append(record)
                except BadRow as error:
                    loaded.bad.append(error.of(split))
                index += 1
    if names:
        loaded.notes.append(f"image names by equal bytes from {source.named_images.name} ({len(names)} images)")
    return loaded


class Shards:
    """Parquet files of one data set. An image is known by its bytes: a name that stands for several is made whole."""

    def __init__(
        self, files: Sequence[Path], columns: Sequence[str], *, images: Sequence[str], optional: Sequence[str] = (),
        folders: Sequence[Path] = (), names: Mapping[str, str] | None = None,
    ):  # fmt: skip
        """`images`: the image columns, in the order in which a row shows them; cells of the first may not be empty.

        Raises DataError for a file that is not parquet or lacks a column, naming the columns it has.
        """
        self.columns, self.optional, self.by_bytes = tuple(columns), tuple(optional), names or {}
        self.found: dict[Path, list[list[tuple[ParquetImage, str]]]] = {}
        """For each row its images, each with its name in the file ("": none)."""
        for file in files:
            require_columns(file, open_parquet(file), (*columns, *images))
            self.found[file] = [[] for _ in range(open_parquet(file).metadata.num_rows)]
            for place, column in enumerate(images):
                of_column = ParquetImages(file, column, (*folders, file.parent))
                for row, given in enumerate(of_column.names(may_be_empty=place > 0)):
                    self.found[file][row] += [
                        (ParquetImage(of_column, row, name, number), name) for number, name in enumerate(given)
                    ]
        self._tell_apart()

    def rows(self, file: Path) -> Iterator[tuple[int, dict[str, Any] | BadRow, tuple[NamedImage, ...]]]:
        """Row number, the named columns (BadRow: not UTF-8), the images with their names in the data set."""
        parquet = open_parquet(file)
        wanted = [*self.columns, *(name for name in self.optional if name in parquet.schema_arrow.names)]
        labels = class_labels(parquet.schema_arrow)
        row = 0
        with damage_told(file):
            for batch in parquet.iter_batches(batch_size=_BATCH, columns=list(dict.fromkeys(wanted))):
                for values in _values(batch, labels, file, row):
                    named = ((image, name or self._name(image)) for image, name in self.found[file][row])
                    yield row, values, tuple(named)
                    row += 1

    def _name(self, image: ParquetImage) -> str:
        """The name of an image without one: that of the same bytes in `names`, or `sha256-<16 digits>`."""
        sha256 = self._sha256(image)
        if sha256 is None:
            return "missing"  # the image itself is reported when it is read
        return self.by_bytes.get(sha256, f"{NAMELESS}{sha256[:16]}")

    def _tell_apart(self) -> None:
        """A name of images with different bytes gets their hash as a folder (`sha256-<16 digits>/image.jpg`)."""
        rows = [images for found in self.found.values() for images in found]
        counts = Counter(name for images in rows for _, name in images if name)
        hashes: dict[str, list[tuple[list[tuple[ParquetImage, str]], int, str]]] = {}
        for images in rows:
            for place, (image, name) in enumerate(images):
                if image.images.by_path:
                    continue  # the name is the file's own
                if counts[name] > 1 and (sha256 := self._sha256(image)) is not None:
                    hashes.setdefault(name, []).append((images, place, sha256))
        for name, places in hashes.items():
            if len({sha256 for _, _, sha256 in places}) > 1:
                for images, place, sha256 in places:
                    called = self.by_bytes.get(sha256, f"{NAMELESS}{sha256[:16]}/{name}")
                    images[place] = (images[place][0], called)

    @staticmethod
    def _sha256(image: ParquetImage) -> str | None:
        try:
            return digest(image.load(sys.maxsize))
        except DamagedFile:
            raise
        except (ValueError, OSError):
            return None


def _values(
    batch: pa.RecordBatch, labels: Mapping[str, list[str]], file: Path, first: int
) -> Iterator[dict[str, Any] | BadRow]:
    try:
        rows: list[dict[str, Any] | BadRow] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = [_row(batch, row, file, first) for row in range(batch.num_rows)]
    for number, values in enumerate(rows, start=first):
        if labels and isinstance(values, dict):
            try:
                values = values | {name: label_name(values[name], labels[name]) for name in labels if name in values}
            except ValueError as error:
                values = BadRow(file, number, str(error))
        yield values


def _row(batch: pa.RecordBatch, row: int, file: Path, first: int) -> dict[str, Any] | BadRow:
    values = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values[name] = column[row].as_py()
        except UnicodeDecodeError:
            return BadRow(file, first + row, f"{name} holds text that is not UTF-8")
    return values


def hf_files(source: Path, split: str) -> list[Path]:
    """Parquet files of a split in a Hugging Face download (`data/train-00000-of-00001.parquet`), in order."""
    for folder in (source / "data", source):
        found = sorted(folder.glob(f"{split}-*.parquet")) or sorted(folder.glob(f"{split}.parquet"))
        if found:
            _check_shards(found)
            return found
    return []


def _check_shards(files: list[Path]) -> None:
    """Raises DataError if shards (`…-00001-of-00003…`) are missing, or are of several versions of a data set."""
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


def names_by_bytes(folder: Path | None, pattern: str) -> dict[str, str]:
    """sha256 -> file name of a folder's images: Hugging Face copies keep no names, but often the same bytes."""
    if folder is None:
        return {}
    return {digest(path.read_bytes()): path.name for path in sorted(folder.rglob(pattern)) if path.is_file()}
