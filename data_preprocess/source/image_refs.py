"""Where original image bytes lie: a file under a folder, or a member of a zip archive."""

from __future__ import annotations

import hashlib
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath


def digest(data: bytes) -> str:
    """sha256 of an image's bytes: the identity of an image."""
    return hashlib.sha256(data).hexdigest()


def check_relative(name: str) -> PurePosixPath:
    """A file name out of a record or an archive, as a path that cannot leave its folder.

    Raises ValueError for an absolute path, a drive letter, a `..` part or a control character.
    """
    if any(ord(character) < 32 for character in name):
        raise ValueError(f"the file name {name!r} holds a control character")
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"the file name {name!r} leads out of its folder")
    return path


def file_stamp(path: Path) -> tuple[object, ...]:
    """Name, size and time of change of a file; only the name if it is not there."""
    try:
        state = path.stat()
    except (OSError, ValueError):  # it is not there; no file can have this name
        return (path.name,)
    return path.name, state.st_size, state.st_mtime_ns


@dataclass(frozen=True, slots=True)
class FileImage:
    """`folder / name`; the name comes from a record and may not leave the folder, links included."""

    folder: Path
    name: str

    def load(self, max_bytes: int) -> bytes:
        path = self.folder / check_relative(self.name)
        if not path.is_file():
            raise ValueError(f"the image {self.name} is missing in {self.folder.name}")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise ValueError(f"the image {self.name} is a link that leads out of {self.folder.name}")
        if path.stat().st_size > max_bytes:
            raise ValueError(f"the image file has {path.stat().st_size:,} bytes, more than the {max_bytes:,} allowed")
        return path.read_bytes()

    def stamp(self) -> tuple[object, ...]:
        return self.name, *file_stamp(self.folder / self.name)

    def is_there(self) -> bool:
        try:
            return (self.folder / check_relative(self.name)).is_file()
        except (OSError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class InlineImage:
    """Bytes that stood in the record itself, as base64 text."""

    name: str
    data: bytes

    def load(self, max_bytes: int) -> bytes:
        return self.data

    def stamp(self) -> tuple[object, ...]:
        return self.name, digest(self.data)


@lru_cache(maxsize=4)
def open_zip(path: Path) -> zipfile.ZipFile:
    """An archive, kept open. Raises ValueError if it is truncated or no zip."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is truncated or no zip archive ({error}); download it again") from error


@dataclass(frozen=True, slots=True)
class ZipImage:
    """A member of an archive, read in place: nothing is unpacked to disk."""

    archive: Path
    name: str

    def load(self, max_bytes: int) -> bytes:
        check_relative(self.name)
        archive = open_zip(self.archive)
        try:
            member = archive.getinfo(self.name)
        except KeyError:
            raise ValueError(f"the image {self.name} is missing in {self.archive.name}") from None
        if member.file_size > max_bytes:
            raise ValueError(f"the image file has {member.file_size:,} bytes, more than the {max_bytes:,} allowed")
        try:
            with archive.open(member) as stream:
                return stream.read(max_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
            raise ValueError(f"{self.name} in {self.archive.name} is corrupt: {error}") from error
        except (RuntimeError, NotImplementedError) as error:  # a password is asked for; a method that is not known
            raise ValueError(f"{self.name} in {self.archive.name} cannot be unpacked: {error}") from error

    def stamp(self) -> tuple[object, ...]:
        return self.name, *file_stamp(self.archive)
