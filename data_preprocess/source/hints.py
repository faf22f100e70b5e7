"""Hints for common mistakes: a download that is still packed, a data set in a form that is not read, a foreign file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

_KINDS = (
    (0, b"version https://git-lfs", "a Git-LFS pointer, not the file itself; fetch it with `git lfs pull`"),
    (0, b"<!doctype html", "a web page (a log-in or error page was saved?); download it again"),
    (0, b"<html", "a web page (a log-in or error page was saved?); download it again"),
    (0, b"pk\x03\x04", "a zip archive; unzip it first"),
    (0, b"%pdf", "a PDF; export its pages as PNG"),
    (0, b"<svg", "an SVG drawing; export it as PNG"),
    (0, b"<?xml", "an XML file"),
    (4, b"ftyphei", "a HEIC photo; export it as PNG or JPEG"),
    (4, b"ftypavif", "an AVIF picture; export it as PNG or JPEG"),
    (0, b"\x93numpy", "a NumPy array; save it as PNG"),
    (0, b"\x89hdf", "an HDF5 file; save its pictures as PNG"),
)
_NIFTI = (b"n+1\0", b"ni1\0")
DICOM = "a DICOM file; export it as PNG with the window a radiologist would set (pydicom, dcm2img, your viewer)"
NIFTI = "a NIfTI volume; export its slices as PNG"


def kind_of_file(data: bytes) -> str | None:
    """The kind of a file by its first bytes, with the remedy; None for an unknown kind."""
    if data[128:132] == b"DICM":
        return DICOM
    if data[344:348] in _NIFTI:
        return NIFTI
    if data[:2] == b"\x1f\x8b":
        return NIFTI if _unpacked(data)[344:348] in _NIFTI else "a gzip archive; unpack it first"
    head = data[:64].lstrip().lower()
    return next((what for place, mark, what in _KINDS if head[place:].startswith(mark)), None)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, 400)
    except (zlib.error, gzip.BadGzipFile):
        return b""


def hint_for_source(source: Path) -> str:
    """Why nothing may be found at a source, as "; …"; "" if that cannot be told."""
    if source.is_file():
        packed = source.suffix.lower() in (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar")
        return f"; {source.name} is {'an archive: unpack it' if packed else 'a file: name its folder'}"
    if not source.is_dir():
        return ""
    names = sorted(path.name for path in source.iterdir())
    if any(name in names for name in ("dataset_dict.json", "state.json")):
        return (
            f"; {source.name} was written by save_to_disk: load it with datasets.load_from_disk and write each split "
            "with to_parquet('train.parquet'), which `own` reads"
        )
    packed = [name for name in names if name.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"))]
    if packed:
        return f"; {source.name} holds {packed[0]}: unpack it first"
    if any(name.lower().endswith((".dcm", ".dicom")) for name in names):
        return f"; {source.name} holds DICOM files: export them as PNG"
    folders = [name for name in names if (source / name).is_dir()]
    if len(folders) == 1 and len(names) == 1:
        return f"; {source.name} holds only the folder {folders[0]}: name that one"
    return ""
