"""Which images of one set occur in another: by their bytes, and by a perceptual hash for resized or re-saved copies.

The perceptual hash is a difference hash: the image in grey, 17 x 16 pixels, one bit for each pair of neighbours (is
the right one brighter, by more than one grey level of noise?), 256 bits. On 34 radiology images, copies (half the size,
224 x 224, grey, PNG, JPEG at quality 60) differ in at most 10 bits, mirror images in at least 29, different images in
at least 54. There is no sharp line in general: near copies are candidates to look at, and the report shows them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from recipe.mrpo.common.images import BROKEN, FORMATS

_SIDE = 16
HASH_BITS = _SIDE * _SIDE


def perceptual_hash(data: bytes) -> np.ndarray:
    """(4,) uint64: the difference hash of an image's bytes. Raises ValueError if they are not an image."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            grey = np.asarray(image.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), dtype=np.int16)
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise ValueError(f"no image that can be read: {error or type(error).__name__}") from error
    bits = grey[:, 1:] > grey[:, :-1] + 1
    return np.packbits(bits).view(np.uint64)


def near_pairs(one: np.ndarray, other: np.ndarray, *, max_bits: int) -> list[tuple[int, int, int]]:
    """(i, j, differing bits) for all rows of (n, 4) and (m, 4) hashes that differ in at most `max_bits` bits."""
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(one), 256):
        block = one[start : start + 256]
        distance = np.bitwise_count(block[:, None, :] ^ other[None, :, :]).sum(axis=2)
        for i, j in np.argwhere(distance <= max_bits):
            found.append((start + int(i), int(j), int(distance[i, j])))
    return found


@dataclass
class ImageSet:
    """The different images of a parquet file: sha256, perceptual hash, and which rows show them."""

    sha256: list[str] = field(default_factory=list)
    hashes: list[np.ndarray] = field(default_factory=list)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: int, sha256: str, data: bytes) -> None:
        """Raises ValueError if the bytes are not an image."""
        if sha256 not in self.rows:
            self.sha256.append(sha256)
            self.hashes.append(perceptual_hash(data))
            self.rows[sha256] = []
        self.rows[sha256].append(row)

    def matrix(self) -> np.ndarray:
        return np.stack(self.hashes) if self.hashes else np.empty((0, 4), np.uint64)


@dataclass(frozen=True)
class Overlap:
    """Images of `one` that are in `other` too."""

    same: list[str]
    """sha256 of images with equal bytes."""
    near: list[tuple[str, str, int]]
    """(sha256 in one, sha256 in other, differing bits) of images with other bytes but a near hash."""
    rows_one: int
    """Rows of `one` whose image is in `other`, by bytes."""
    rows_other: int


def compare(one: ImageSet, other: ImageSet, *, max_bits: int) -> Overlap:
    """Overlap of two sets of images. Near pairs leave out images that have an equal one."""
    same = [sha256 for sha256 in one.sha256 if sha256 in other.rows]
    pairs = near_pairs(one.matrix(), other.matrix(), max_bits=max_bits)
    near = [
        (a, b, bits) for i, j, bits in pairs
        if (a := one.sha256[i]) != (b := other.sha256[j]) and a not in other.rows and b not in one.rows
    ]  # fmt: skip
    return Overlap(same, near, sum(len(one.rows[s]) for s in same), sum(len(other.rows[s]) for s in same))


def near_within(images: ImageSet, *, max_bits: int) -> list[tuple[str, str, int]]:
    """Near pairs inside one set, each once."""
    pairs = near_pairs(images.matrix(), images.matrix(), max_bits=max_bits)
    return [(images.sha256[i], images.sha256[j], bits) for i, j, bits in pairs if i < j]


class Avoid:
    """Images that must not get into a training set (`--drop-overlap`)."""

    def __init__(self, sets: Iterable[ImageSet], *, max_bits: int | None):
        self.sha256: set[str] = set()
        matrices: list[np.ndarray] = []
        for images in sets:
            self.sha256 |= images.rows.keys()
            matrices.append(images.matrix())
        self.max_bits = max_bits
        self.matrix = np.concatenate(matrices) if matrices else np.empty((0, 4), np.uint64)
        self._known: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        return bool(self.sha256)

    def reason(self, sha256: str, data: bytes) -> str | None:
        """Why an image is to be left out; None if it is not."""
        if sha256 not in self._known:
            self._known[sha256] = self._judge(sha256, data)
        return self._known[sha256]

    def fingerprint(self) -> str:
        return hashlib.sha256(repr((sorted(self.sha256), self.max_bits)).encode()).hexdigest()

    def _judge(self, sha256: str, data: bytes) -> str | None:
        if sha256 in self.sha256:
            return "image is in another set (--drop-overlap)"
        if self.max_bits is None or not len(self.matrix):
            return None
        if near_pairs(perceptual_hash(data)[None], self.matrix, max_bits=self.max_bits):
            return "image is nearly one of another set (--drop-overlap, --near)"
        return None


def duplicates(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """Keys that occur more than once, with the rows they occur in."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return {key: found for key, found in rows.items() if len(found) > 1}
