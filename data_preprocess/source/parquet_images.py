"""An image column of a parquet file: read forwards in small batches, so that memory holds few images at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_preprocess.source.errors import DamagedFile, DataError, NotThere
from data_preprocess.source.hints import kind_of_file
from data_preprocess.source.image_refs import FileImage, file_stamp
from data_preprocess.source.pictures import holds_pictures, named_pictures, path_of, pictures, safe_name

BUFFER = 2**20
"""Column chunks are read through a buffer of this size; without it a whole row group of images is read at once."""
BATCH = 16
"""Images in memory at a time."""


def open_parquet(file: Path) -> pq.ParquetFile:
    """Raises DataError for a file that is missing or no parquet file."""
    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
    except FileNotFoundError:
        raise NotThere(f"{file} does not exist") from None
    except (pa.ArrowException, OSError) as error:
        foreign = _foreign(file)
        what = f"; it is {foreign}" if foreign else f" (truncated download?): {error}"
        raise DataError(f"{file.name} is not a parquet file{what}") from error


def _foreign(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return kind_of_file(stream.read(512))
    except OSError:
        return None


@contextmanager
def damage_told(file: Path) -> Iterator[None]:
    """Errors of reading pages name the file: DamagedFile."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"{file.name} is damaged ({error}); download it again") from error


def require_columns(file: Path, parquet: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Raises DataError if a column is not there, or is there twice."""
    names = parquet.schema_arrow.names
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(f"{file.name} lacks the columns {', '.join(missing)}; it has {', '.join(names)}")
    doubled = [name for name in columns if names.count(name) > 1]
    if doubled:
        raise DataError(f"{file.name} has the column {doubled[0]} twice; rename one of the two")


class ParquetImages:
    """The images of one parquet file by row. `folders`: where files lie that cells name by path."""

    def __init__(self, file: Path, column: str, folders: Sequence[Path] = ()):
        self.file, self.column, self.folders = file, column, tuple(folders)
        parquet = open_parquet(file)
        kind = parquet.schema_arrow.field(column).type
        if not holds_pictures(kind):
            raise DataError(f"{file.name}: the column {column} holds {kind}, not images or names of images")
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        self.by_path = pa.types.is_string(text) or pa.types.is_large_string(text)
        """Every cell is text: a name, or the bytes as text."""
        self.lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        """A cell may hold several images."""
        self._first, self._batch, self._batches = 0, pa.array([]), iter(())
        self._started = False

    def bytes_of(self, row: int, number: int, max_bytes: int) -> bytes:
        """Bytes of image `number` of one row, from 0. Raises ValueError if the cell has none, DamagedFile for a broken
        file."""
        cell = self._cell(row)
        try:
            found = pictures(cell)
            if number >= len(found):
                raise ValueError("no image bytes")
        except ValueError as error:
            raise ValueError(f"row {row} of {self.file.name}, column {self.column}, holds {error}") from None
        picture = found[number]
        return picture if isinstance(picture, bytes) else self._beside(picture).load(max_bytes)

    def names(self, *, may_be_empty: bool = False) -> list[tuple[str, ...]]:
        """For each row the name that its cell gives each image; "" where it gives none.

        The bytes are read only where their number must be counted: in a column of lists, and in one whose cells
        `may_be_empty`. A cell that is empty (and may not be) or broken counts as one image, which tells it when it is
        read.
        """
        if not self.lists and not may_be_empty:
            return [(name,) for name in self._names_of_single_images()]
        found: list[tuple[str, ...]] = []
        with damage_told(self.file):
            for batch in open_parquet(self.file).iter_batches(batch_size=BATCH, columns=[self.column]):
                for cell in batch.column(0):
                    try:
                        names = tuple(safe_name(name) for _, name in named_pictures(cell.as_py()))
                    except ValueError:  # UnicodeDecodeError too
                        names = ("",)
                    found.append(names or (() if may_be_empty else ("",)))
        return found

    def _names_of_single_images(self) -> list[str]:
        parquet = open_parquet(self.file)
        leaves = [
            leaf.path for leaf in map(parquet.schema.column, range(len(parquet.schema)))
            if (leaf.path == self.column or leaf.path.startswith(f"{self.column}."))
            and leaf.logical_type.type == "STRING"
        ]  # fmt: skip
        if not leaves:
            return [""] * parquet.metadata.num_rows
        found: list[str] = []
        with damage_told(self.file):
            for batch in parquet.iter_batches(batch_size=BATCH if self.by_path else 1024, columns=leaves):
                try:
                    found += [safe_name(path_of(cell)) for cell in batch.column(self.column).to_pylist()]
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{self.file.name}: the column {self.column} holds text that is not UTF-8"
                    ) from error
        return found

    def stamp(self, row: int, name: str) -> tuple[object, ...]:
        beside = self._beside(name).stamp() if self.by_path and name else ()
        return row, *file_stamp(self.file), *beside

    def _beside(self, path: str) -> FileImage:
        images = [FileImage(folder, path) for folder in self.folders or (self.file.parent,)]
        return next((image for image in images if image.is_there()), images[0])

    def _cell(self, row: int) -> object:
        with damage_told(self.file):
            if not self._started or row < self._first:
                self._batches = open_parquet(self.file).iter_batches(batch_size=BATCH, columns=[self.column])
                self._first, self._batch, self._started = 0, pa.array([]), True
            while row >= self._first + len(self._batch):
                self._first += len(self._batch)
                batch = next(self._batches, None)
                if batch is None:
                    raise DamagedFile(f"{self.file.name} is damaged: it ends before row {row}")
                self._batch = batch.column(self.column)
        try:
            return self._batch[row - self._first].as_py()
        except UnicodeDecodeError:
            what = f"column {self.column} holds text that is not UTF-8"
            raise ValueError(f"row {row} of {self.file.name}, {what}") from None


@dataclass(frozen=True, slots=True)
class ParquetImage:
    """One image of one row of a parquet file."""

    images: ParquetImages
    row: int
    name: str
    number: int = 0
    """Which image of its cell, from 0."""

    def load(self, max_bytes: int) -> bytes:
        return self.images.bytes_of(self.row, self.number, max_bytes)

    def stamp(self) -> tuple[object, ...]:
        return self.number, *self.images.stamp(self.row, self.name)
