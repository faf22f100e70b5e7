"""How an untrusted image is read: the same way for a row of data and for a judge."""

from __future__ import annotations

import struct
from typing import cast

from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
"""Formats that are tried: untrusted files should meet few parsers."""
# All that Pillow's parsers were seen to raise on mutated files; SyntaxError: a broken PNG, struct.error: broken EXIF.
BROKEN = (
    OSError, SyntaxError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError,
    OverflowError, AssertionError, struct.error, MemoryError,
)  # fmt: skip


def as_rgb(image: Image.Image) -> Image.Image:
    """The pixels as a viewer shows them, in 8 bits: over white, 16 bits scaled from their own range. Raises BROKEN."""
    if is_deep(image.mode):
        image = image.convert("F")
        low, high = cast("tuple[float, float]", image.getextrema())  # of the one channel that F has
        scale = 255.0 / (high - low) if high > low else 0.0
        image = image.point(lambda value: value * scale - low * scale).convert("L")
    if has_alpha(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def is_deep(mode: str) -> bool:
    """More than 8 bits a channel, in Pillow's words?"""
    return mode in ("I", "F") or mode.startswith("I;16")


def has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info
