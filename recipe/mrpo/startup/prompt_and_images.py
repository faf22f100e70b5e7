"""The prompt and the images of a row, as verl 0.9.1 puts them together (`RLHFDataset._build_messages`).

verl drops a row whose prompt it cannot build (with data.filter_overlong_prompts, and says so in passing only), or ends
the run at it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from recipe.mrpo.common.images import BROKEN
from recipe.mrpo.endpoint.image import BadImage
from recipe.mrpo.endpoint.prompt_images import read_image

PLACEHOLDER = "<image>"
OTHER_MEDIA = ("<video>", "<audio>")
"""verl takes them for placeholders as well, in every prompt with images."""
MEDIA_KEYS = frozenset({"image", "image_url", "video", "audio"})
MAX_ASPECT = 200
"""The processors of the Qwen families refuse an image that is more times as long as wide, and verl drops its row."""


_TAIL = 64
"""Bytes at the end of an image file that are searched for its mark; padding behind it costs a decoding."""


@dataclass(frozen=True)
class ImageLimits:
    """The most that a row may show, and the options to raise for more."""

    images: int
    pixels: int
    images_option: str = "mrpo.images.max_per_row"
    pixels_option: str = "mrpo.images.max_pixels_per_row"


def prompt_fault(prompt: Any, images: Any, *, image_key: str, limits: ImageLimits) -> str | None:
    """The fault of a row's prompt or images, to be read after "row 3 of FILE"; None: no fault."""
    if not isinstance(prompt, list) or not prompt:
        return "has no list of messages as its prompt"
    placeholders = 0
    for message in prompt:
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            return "has a prompt whose messages are not all {role, content}"
        content = message.get("content")
        if isinstance(content, str):
            placeholders += content.count(PLACEHOLDER)
            if images and (other := next((mark for mark in OTHER_MEDIA if mark in content), None)):
                return f"has {other} in its prompt, and MRPO's judges are shown images alone"
        elif not isinstance(content, list) or not content:
            return "has a message without content in its prompt"
        elif any(isinstance(part, Mapping) and not MEDIA_KEYS.isdisjoint(part) for part in content):
            # A table gives every part all keys, and verl takes a text part with a key `image` for an image.
            return f"has images among the parts of its prompt; write {PLACEHOLDER} and the column {image_key}"
    if images is not None and not isinstance(images, list):
        return f"holds {type(images).__name__} in the column {image_key}; write a list of images"
    found = images or []
    if placeholders != len(found):
        return f"has {placeholders} times {PLACEHOLDER} in its prompt and {len(found)} images in the column {image_key}"
    if len(found) > limits.images:
        return f"has {len(found)} images and {limits.images_option}={limits.images}"
    pixels = 0
    for image in found:
        size = _size(image)
        if isinstance(size, str):
            return f"has {size} in the column {image_key}"
        if max(size) > MAX_ASPECT * min(size):
            return f"has an image of {size[0]} x {size[1]} pixels, longer than {MAX_ASPECT} times its width"
        pixels += size[0] * size[1]
    if pixels > limits.pixels:
        return f"has images of {pixels:,} pixels together and {limits.pixels_option}={limits.pixels}"
    return None


def _size(image: Any) -> tuple[int, int] | str:
    """Width and height, from the head of a whole file, or the fault of an image."""
    if isinstance(image, Mapping):
        if "bytes" in image:  # verl opens the bytes and ignores the other fields
            data = image["bytes"]
            return _size_of(data) if isinstance(data, (bytes, bytearray)) and data else "an image without bytes"
        image = image.get("image")
    if isinstance(image, str) and image.strip():
        return _size_at(image)
    return f"an image in a form that verl does not read ({type(image).__name__}; write {{bytes}} or a path)"


def _size_of(file: Any) -> tuple[int, int] | str:
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, (bytes, bytearray)) else file) as opened:
            size = opened.size
            if not _has_its_end(file, opened.format or ""):
                opened.load()  # raises what a run would meet; the pixels of all images would take minutes
            return size
    except (*BROKEN, Image.DecompressionBombError) as error:
        return f"an image that cannot be opened ({type(error).__name__})"


def _has_its_end(file: Any, kind: str) -> bool:
    """Does the file end as a file of its kind does? Not if it was cut off, nor for kinds without a mark at the end."""
    mark = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}.get(kind)
    if mark is None:
        return False
    if isinstance(file, (bytes, bytearray)):
        return mark in file[-_TAIL:]
    with open(file, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - _TAIL))
        return mark in stream.read()


def _size_at(place: str) -> tuple[int, int] | str:
    if place.startswith(("http://", "https://")):
        return "an image at an address on the web, which a run does not read; write its bytes or a path"
    if place.startswith("data:"):
        try:
            return _size_of(read_image(place)[0] if ";base64," in place else b"")
        except BadImage:
            return "a data: address without valid base64"
    path = os.path.expanduser(place.removeprefix("file://"))
    try:
        there = os.path.isfile(path)
    except ValueError:  # a NUL in the path
        there = False
    return _size_of(path) if there else f"the path {path[:200]!a} of an image that is not on this machine"
