"""Images: what each kind is called, what verl would show wrongly, what is refused, and that bytes stay as they are."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from data_preprocess.convert.images import NEEDS_CONVERSION, Limits, inspect, to_plain
from data_preprocess.source.image_refs import FileImage, ZipImage, check_relative
from tests.unit.data.helpers import draw, turned

LIMITS = Limits(max_bytes=2**20, max_pixels=10**6, min_side=4, max_images=8, max_row_pixels=10**8)


def sixteen_bit() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.linspace(1000, 5000, 40 * 30).astype(np.uint16).reshape(30, 40)).save(out, format="PNG")
    return out.getvalue()


def with_alpha(mode: str, alpha: int) -> bytes:
    image = Image.new("RGBA", (40, 30), (200, 10, 10, alpha)).convert(mode)
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def see_through_palette() -> bytes:
    image = Image.new("P", (40, 30), 0)
    out = io.BytesIO()
    image.save(out, format="PNG", transparency=0)
    return out.getvalue()


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    frames[0].save(out, format="GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


KINDS = {
    "jpeg": (lambda: draw("JPEG"), ()),
    "grey jpeg": (lambda: draw("JPEG", mode="L"), ()),
    "png": (lambda: draw("PNG"), ()),
    "webp": (lambda: draw("WEBP"), ()),
    "tiff": (lambda: draw("TIFF"), ()),
    "cmyk": (lambda: draw("JPEG", mode="CMYK"), ("cmyk",)),
    "palette": (lambda: draw("PNG", mode="P"), ("palette",)),
    "black and white": (lambda: draw("PNG", mode="1"), ("1_bit",)),
    "opaque alpha": (lambda: with_alpha("RGBA", 255), ()),  # nothing to see through, so nothing can go wrong
    "alpha": (lambda: with_alpha("RGBA", 100), ("alpha",)),
    "grey with alpha": (lambda: with_alpha("LA", 0), ("alpha",)),
    "palette with a transparent colour": (see_through_palette, ("alpha", "palette")),
    "16 bit": (sixteen_bit, ("16_bit",)),
    "rotated by exif": (turned, ("exif_rotation",)),
    "animation": (animated, ("palette", "frames")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_quirks_named(kind):
    make, quirks = KINDS[kind]
    info = inspect(make(), LIMITS)
    assert info.quirks == quirks and (info.width, info.height) == (40, 30)


@pytest.mark.parametrize("kind", [k for k, (_, quirks) in KINDS.items() if not NEEDS_CONVERSION.intersection(quirks)])
def test_verl_shows_what_a_viewer_shows_for_all_kinds_that_are_kept(kind):
    data = KINDS[kind][0]()
    seen_by_verl = Image.open(io.BytesIO(data)).convert("RGB")
    viewer = Image.open(io.BytesIO(to_plain(data)))
    assert seen_by_verl.size == viewer.size and seen_by_verl.tobytes() == viewer.tobytes()


@pytest.mark.parametrize(
    "kind", ["alpha", "grey with alpha", "palette with a transparent colour", "16 bit", "rotated by exif"]
)
def test_verl_would_show_the_kinds_that_need_conversion_differently(kind):
    # If a Pillow or verl version made one of these right, this fails and the conversion can go.
    data = KINDS[kind][0]()
    seen_by_verl = Image.open(io.BytesIO(data)).convert("RGB")
    viewer = Image.open(io.BytesIO(to_plain(data)))
    assert seen_by_verl.size != viewer.size or seen_by_verl.tobytes() != viewer.tobytes()


def test_sixteen_bits_are_scaled_from_their_own_range():
    plain = np.asarray(Image.open(io.BytesIO(to_plain(sixteen_bit()))))[..., 0]
    assert plain.min() == 0 and plain.max() == 255
    assert abs(int(plain[15, 20]) - 127) <= 5  # the middle stays the middle


def test_rotation_is_applied():
    upright = Image.open(io.BytesIO(to_plain(turned())))
    assert upright.size == (30, 40)


def test_transparent_pixels_become_white():
    assert Image.open(io.BytesIO(to_plain(with_alpha("RGBA", 0)))).getpixel((0, 0)) == (255, 255, 255)


def test_a_flat_sixteen_bit_image_does_not_divide_by_zero():
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), 700, np.uint16)).save(out, format="PNG")
    assert Image.open(io.BytesIO(to_plain(out.getvalue()))).getextrema() == ((0, 0),) * 3


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no such data: a decompression bomb."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + head, b"IDAT" + zlib.compress(bytes(100)), b"IEND"):
        out += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return out


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the image file is empty"),
        (b"<html></html>", "not an image of a known format"),
        (draw("JPEG", (400, 300))[:-700], "corrupt"),
        (draw("PNG", (400, 300))[:-200], "corrupt"),
        (draw("PNG", (2, 300)), "its shorter side must have 4"),
        (draw("PNG", (4, 900)), "at most 200 : 1"),
        (draw("PNG", (1200, 900)), "more than the 1,000,000 allowed"),
        (png_header(5_000, 5_000), "5000 x 5000 pixels, more than the 1,000,000 allowed"),
        (png_header(100_000, 100_000), "100000 x 100000 pixels, more than the 1,000,000 allowed"),
        (bytes(2**20 + 1), "more than the 1,048,576 allowed"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known format"),  # no Ghostscript
    ],
)
def test_what_is_refused_is_told_why(data, reason):
    with pytest.raises(ValueError, match=reason):
        inspect(data, LIMITS)


@pytest.mark.parametrize("cut", range(20, 1200, 97))
def test_a_truncated_jpeg_is_found_wherever_it_ends(cut):
    data = draw("JPEG", (120, 90), quality=95)
    with pytest.raises(ValueError):
        inspect(data[: min(cut, len(data) - 20)], LIMITS)


# --- where bytes come from ---


@pytest.mark.parametrize("name", ["../a.png", "x/../../a.png", "/etc/passwd", "C:\\a.png", "..\\a.png", ""])
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="leads out of its folder"):
        check_relative(name)


@pytest.mark.parametrize("name", ["a.png", "xmlab1/source.jpg", "a..b.png", "x/./a.png"])
def test_an_ordinary_name_is_kept(name):
    assert str(check_relative(name)) in (name, "x/a.png")


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(1000))
    with pytest.raises(ValueError, match="1,000 bytes, more than the 10 allowed"):
        FileImage(tmp_path, "a.png").load(10)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("images/a.png", draw())
        out.writestr("images/bomb.png", bytes(10**7))
        out.writestr("../evil.png", draw())
    return path


def test_a_zip_member_is_read_in_place(archive, tmp_path):
    assert ZipImage(archive, "images/a.png").load(10**6) == draw()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.zip"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("images/b.png", "is missing in images.zip"),
        ("images/bomb.png", "10,000,000 bytes, more than the 1,000,000 allowed"),
        ("../evil.png", "leads out of its folder"),
    ],
)
def test_a_bad_zip_member_is_told_why(archive, name, reason):
    with pytest.raises(ValueError, match=reason):
        ZipImage(archive, name).load(10**6)


def test_a_truncated_zip_is_told(archive):
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated or no zip archive"):
        ZipImage(archive, "images/a.png").load(10**6)


def test_a_damaged_zip_member_is_told(archive):
    data = bytearray(archive.read_bytes())
    data[60] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"images/a.png in images.zip is corrupt"):
        ZipImage(archive, "images/a.png").load(10**6)


@pytest.mark.parametrize("at", [52, 60, 64, 70])
def test_a_zip_member_is_told_wherever_it_is_damaged(archive, at):
    data = bytearray(archive.read_bytes())
    data[at : at + 4] = b"\xff\xff\xff\xff"  # zlib itself complains, or the checksum does
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"images/a.png in images.zip is corrupt"):
        ZipImage(archive, "images/a.png").load(10**6)


def test_a_zip_member_with_a_password_is_told(archive):
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag of an encrypted member, in its own header …
    data[data.index(b"PK\x01\x02") + 8] |= 1  # … and in the archive's list
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"images/a.png in images.zip cannot be unpacked: .*password"):
        ZipImage(archive, "images/a.png").load(10**6)


def test_the_limit_on_pixels_is_ours_and_not_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert inspect(draw("PNG", (400, 300)), Limits(2**20, 10**6, 4, 8, 10**8)).width == 400


def test_a_jpeg_of_a_few_pixels_is_read():
    assert inspect(draw("JPEG", (5, 5)), Limits(2**20, 10**6, 4, 8, 10**8)).height == 5
