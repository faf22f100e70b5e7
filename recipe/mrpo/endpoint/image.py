"""An image in the size and format for a model service."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

# Chat endpoints take these as they are; all other formats are re-encoded.
_PASS_ON = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_PIECE = 3 * 2**18
"""Bytes; a multiple of three, so that the pieces of base64 are one."""

ORIENTATION = 0x0112
"""EXIF tag that says how an image is turned for viewing."""
UPRIGHT = (0, 1)
"""Its values for an image that is not (0: unknown)."""


class BadImage(ValueError):
    """Bytes that cannot be read as an image."""


class DataUrl(str):
    """A data URL that `data_url` made: ASCII, and nothing in it needs an escape in JSON."""


# The rollouts of a group share their image: it is prepared once a group. Threads prepare those of several groups.
@lru_cache(maxsize=32)
def data_url(data: bytes, max_pixels: int) -> DataUrl:
    """`prepare_image` as a data URL. It takes tens of milliseconds: call it outside the event loop. Raises BadImage."""
    prepared, mime = prepare_image(data, max_pixels)
    # Piece by piece: the encoder keeps all other threads waiting, the event loop's too.
    pieces = (base64.b64encode(prepared[at : at + _PIECE]).decode("ascii") for at in range(0, len(prepared), _PIECE))
    return DataUrl("".join((f"data:{mime};base64,", *pieces)))


def image_parts(urls: Sequence[str]) -> list[dict[str, Any]]:
    """Images as parts of a chat message, in order; several are numbered, so that texts can name one."""
    parts: list[dict[str, Any]] = []
    for number, url in enumerate(urls, 1):
        if len(urls) > 1:
            parts.append({"type": "text", "text": f"Image {number}:"})
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def prepare_image(data: bytes, max_pixels: int) -> tuple[bytes, str]:
    """(bytes, MIME type) of at most `max_pixels` pixels, upright; unchanged if small enough and of a common format.

    A JPEG stays a JPEG, others become PNG of 8 bits (16 bits scaled from their own range, transparent pixels over
    white); sides keep their ratio. Raises BadImage.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    # Read as data_preprocess reads the images that it puts into a row.
    from recipe.mrpo.common.images import BROKEN, FORMATS, as_rgb, is_deep

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            image: Image.Image = opened
            kind = opened.format or ""
            # Some endpoints turn an image as its EXIF tag says and some do not: none is left to them.
            turned = image.getexif().get(ORIENTATION, 1) not in UPRIGHT
            upright = ImageOps.exif_transpose(image) if turned else image
            width, height = upright.size
            # Never pass on 16 bits: endpoints that read them with Pillow clip them at 255.
            if width * height <= max_pixels and kind in _PASS_ON and not turned and not is_deep(image.mode):
                image.load()  # a cut-off file is found here, not at the judge
                return data, _PASS_ON[kind]
            scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
            wide, high = max(1, int(width * scale)), max(1, int(height * scale))
            # A side that cannot get shorter than one pixel leaves the other one too long.
            high = min(high, max_pixels)
            wide = min(wide, max_pixels // high)
            small = as_rgb(upright).resize((wide, high), Image.Resampling.BICUBIC)
            out = io.BytesIO()
            small.save(out, "JPEG", quality=95) if kind == "JPEG" else small.save(out, "PNG")
    except UnidentifiedImageError as error:
        raise BadImage(f"not an image of a known format ({', '.join(FORMATS)})") from error
    # What Pillow was seen to raise on files that are cut off, damaged, or too large to be images.
    except (*BROKEN, NotImplementedError, Image.DecompressionBombError) as error:
        raise BadImage(f"{type(error).__name__}: {error}"[:200]) from error
    return out.getvalue(), "image/jpeg" if kind == "JPEG" else "image/png"
