"""Images: original bytes in, original bytes out, and everything that can be odd about them in one place.

verl opens an image with Pillow and calls `convert("RGB")` on it (RGBA is laid over white). That shows the model the
right picture for grey, RGB, CMYK and palette images. It shows a wrong one for three kinds, which `NEEDS_CONVERSION`
names: EXIF rotation is ignored, 16-bit values are cut off at 255, and transparent pixels of LA and palette images get
the colour that lies behind them. Those, and no others, are converted if the caller says so; losslessly, to 8-bit PNG.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from data_preprocess.source.hints import kind_of_file
from recipe.mrpo.common.images import BROKEN, FORMATS, as_rgb, has_alpha, is_deep

NEEDS_CONVERSION = frozenset({"exif_rotation", "16_bit", "alpha"})
POLICIES = ("convert", "keep", "fail")
MAX_ASPECT = 200  # the Qwen-VL processors refuse a longer side of more than 200 times the shorter one
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Limits:
    """Limits of an image: bytes of the file, pixels (width x height), pixels of the shorter side; and of a row: its
    images, and their pixels together."""

    max_bytes: int
    max_pixels: int
    min_side: int
    max_images: int
    max_row_pixels: int

    def refuse(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Raises ValueError if a row with images of these sizes (width, height) is beyond the limits of a row."""
        if len(sizes) > self.max_images:
            raise ValueError(f"the row has {len(sizes)} images, more than the {self.max_images} of --max-images")
        pixels = sum(width * height for width, height in sizes)
        if pixels > self.max_row_pixels:
            limit = f"{self.max_row_pixels:,} of --max-row-pixels"
            raise ValueError(f"the images of the row have {pixels:,} pixels together, more than the {limit}")


@dataclass(frozen=True)
class ImageInfo:
    """Format, size and oddities of an image; `quirks` are names, see `inspect`."""

    format: str
    width: int
    height: int
    mode: str
    quirks: tuple[str, ...]


def inspect(data: bytes, limits: Limits) -> ImageInfo:
    """Decode an image once and describe it.

    Quirks: exif_rotation (an orientation tag other than 1), 16_bit (I;16, I, F), alpha (LA, RGBA, PA or a palette with
    transparency, and some pixel really is transparent), cmyk, palette, 1_bit, frames (only the first is seen).

    Raises ValueError with the reason for a file that is empty, no image, truncated, or outside the limits.
    """
    if not data:
        raise ValueError("the image file is empty")
    if len(data) > limits.max_bytes:
        raise ValueError(f"the image file has {len(data):,} bytes, more than the {limits.max_bytes:,} allowed")
    try:
        # Pillow warns of large images, which our own limit is for, and of odd EXIF blocks, which nothing depends on.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _opened(data)
            width, height = image.size
            _check_size(width, height, limits)
            quirks = _quirks(image)
            # A JPEG is decoded at an eighth of its size: all its data is read, so a truncated one is found, but faster.
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
            if "alpha" in quirks and not _is_transparent(image):
                quirks.remove("alpha")
    except UnidentifiedImageError as error:
        found = kind_of_file(data)
        what = f"; it is {found}" if found else ""
        raise ValueError(f"not an image of a known format ({', '.join(FORMATS)}){what}") from error
    except BROKEN as error:
        if isinstance(error, ValueError) and str(error).startswith("the image has"):
            raise
        raise ValueError(f"the image is corrupt: {error or type(error).__name__}") from error
    return ImageInfo(image.format or "?", width, height, image.mode, tuple(quirks))


def to_plain(data: bytes) -> bytes:
    """The picture as a viewer shows it, as 8-bit RGB PNG: upright, over white, 16 bits scaled from its own range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd EXIF blocks, as in `inspect`
        try:
            out = io.BytesIO()
            as_rgb(ImageOps.exif_transpose(_opened(data))).save(out, format="PNG")
            return out.getvalue()
        except BROKEN as error:
            raise ValueError(f"the image is corrupt: {error or type(error).__name__}") from error


def _opened(data: bytes) -> Image.Image:
    """Raises BROKEN. Pillow's own limit on pixels is lifted: ours is checked before anything is decoded."""
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise ValueError(f"the image has {width} x {height} pixels, more than the {limits.max_pixels:,} allowed")
    if min(width, height) < limits.min_side:
        raise ValueError(f"the image has {width} x {height} pixels; its shorter side must have {limits.min_side}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"the image has {width} x {height} pixels; Qwen-VL takes sides of at most {MAX_ASPECT} : 1")


def _quirks(image: Image.Image) -> list[str]:
    found = []
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        found.append("exif_rotation")
    if is_deep(image.mode):
        found.append("16_bit")
    if has_alpha(image):
        found.append("alpha")
    names = {"CMYK": "cmyk", "P": "palette", "PA": "palette", "1": "1_bit"}
    if image.mode in names:
        found.append(names[image.mode])
    if getattr(image, "n_frames", 1) > 1:
        found.append("frames")
    return found


def _is_transparent(image: Image.Image) -> bool:
    return image.convert("RGBA").getchannel("A").getextrema()[0] < 255
