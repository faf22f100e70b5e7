"""Images as they are sent: bounded, in a format that endpoints take, and nothing raised but BadImage."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from recipe.mrpo.endpoint.image import BadImage, prepare_image


def png(width, height, kind="PNG", mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "size", "mime", "why"),
    [
        (png(40, 20), (40, 20), "image/png", "small enough: the bytes pass unchanged"),
        (png(400, 200), (44, 22), "image/png", "scaled down, ratio kept"),
        (png(400, 200, "JPEG"), (44, 22), "image/jpeg", "a JPEG stays one"),
        (png(20, 20, "BMP"), (20, 20), "image/png", "a format that endpoints do not take"),
        (png(4000, 1), (1000, 1), "image/png", "very flat"),
        (png(400, 200, mode="P"), (44, 22), "image/png", "a palette"),
    ],
)
def test_an_image_is_sent_at_most_as_large_as_asked(data, size, mime, why):
    sent, kind = prepare_image(data, 1000)
    with Image.open(io.BytesIO(sent)) as image:
        assert (image.size, kind) == (size, mime), why
    assert size != (40, 20) or sent == data


@pytest.mark.parametrize("data", [b"", b"no image", png(50, 50)[:60]])
def test_bytes_that_are_no_image_are_named_so(data):
    with pytest.raises(BadImage):
        prepare_image(data, 1000)


def damaged(kind, was, now):
    data = png(64, 48, kind)
    assert was in data
    return data.replace(was, now, 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (damaged("DDS", b"\x20\0\0\0\x40\0\0\0", b"\x20" + bytes(7)), "a pixel format that Pillow has not implemented"),
        (damaged("IM", b"(x*y): 64*48", b"(x*y): .4*48"), "a width that is no whole number"),
        (damaged("PNG", b"IDAT", b"IDAX"), "a PNG without data"),
        (png(64, 48, "PPM"), "a format that no data set has: untrusted files should meet few parsers"),
    ],
)
def test_a_damaged_file_fails_its_judgement_and_raises_nothing(asked, request_of, data, why):
    with pytest.raises(BadImage):
        prepare_image(data, 1000)
    assert asked(request_of(images=((data, "image/png"),)), name="openai").failure == "bad_image", why


def gradient(side):
    out = io.BytesIO()
    pixels = np.linspace(0, 65_520, side * side).astype(np.uint16).reshape(side, side)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("side", [64, 16])
def test_a_picture_of_16_bits_keeps_its_greys_whether_or_not_it_is_scaled(side):
    sent, kind = prepare_image(gradient(side), 1000)
    with Image.open(io.BytesIO(sent)) as image:
        grey = np.asarray(image.convert("L"))
    assert kind == "image/png" and grey.size <= 1000
    assert grey.min() < 10 and grey.max() > 245 and abs(grey.mean() - 127.5) < 5
    assert (np.diff(grey[:, 0].astype(int)) >= 0).all(), "the values were cut off at 255, which is nearly all white"


def test_a_transparent_picture_is_scaled_over_white():
    # As verl lays it; without that, what lies behind the transparent pixels would come forth.
    sent, _ = prepare_image(png(64, 48, mode="RGBA"), 1000)
    with Image.open(io.BytesIO(sent)) as image:
        assert image.getextrema() == ((255, 255),) * 3
