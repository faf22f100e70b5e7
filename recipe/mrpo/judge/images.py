"""The image of a case in the size and format that a judge is sent."""

from __future__ import annotations

import io
from functools import lru_cache

# What chat endpoints take as it is; everything else is re-encoded.
_PASS_ON = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class BadImage(ValueError):
    """The bytes are no image that can be read."""


# The rollouts of a group share their image, so that it is prepared once a group.
@lru_cache(maxsize=32)
def prepare_image(data: bytes, max_pixels: int) -> tuple[bytes, str]:
    """(bytes, MIME type) of at most `max_pixels` pixels; unchanged if it is small enough and of a common format.

    A JPEG stays a JPEG, all else becomes PNG; sides keep their ratio. Raises BadImage.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            kind = image.format or ""
            width, height = image.size
            if width * height <= max_pixels and kind in _PASS_ON:
                image.load()  # a cut-off file is found here, not at the judge
                return data, _PASS_ON[kind]
            scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
            wide, high = max(1, int(width * scale)), max(1, int(height * scale))
            # A side that cannot get shorter than one pixel leaves the other one too long.
            high = min(high, max_pixels)
            wide = min(wide, max_pixels // high)
            small = image.convert("RGB").resize((wide, high), Image.Resampling.BICUBIC)
            out = io.BytesIO()
            small.save(out, "JPEG", quality=95) if kind == "JPEG" else small.save(out, "PNG")
    # Pillow raises these for files that are cut off, no image, or too large to be one.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage(f"{type(error).__name__}: {error}"[:200]) from error
    return out.getvalue(), "image/jpeg" if kind == "JPEG" else "image/png"
