"""The prompt and the images of a row, as verl 0.9.1 puts them together (`RLHFDataset._build_messages`).

verl drops a row whose prompt it cannot build (with data.filter_overlong_prompts, and says so in passing only), or ends
the run at it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

from PIL import Image

from recipe.mrpo.common.images import BROKEN

PLACEHOLDER = "<image>"


def prompt_fault(prompt: Any, images: Any, *, image_key: str) -> str | None:
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
        elif not isinstance(content, list) or not content:
            return "has a message without content in its prompt"
    if images is not None and not isinstance(images, list):
        return f"holds {type(images).__name__} in the column {image_key}; write a list of images"
    found = images or []
    if placeholders != len(found):
        return f"has {placeholders} times {PLACEHOLDER} in its prompt and {len(found)} images in the column {image_key}"
    for image in found:
        fault = _image_fault(image)
        if fault is not None:
            return f"has {fault} in the column {image_key}"
    return None


def _image_fault(image: Any) -> str | None:
    if isinstance(image, Mapping):
        if "bytes" in image:  # verl opens the bytes and ignores the other fields
            return _bytes_fault(image["bytes"])
        image = image.get("image")
    if isinstance(image, str) and image.strip():
        return _place_fault(image)
    return f"an image in a form that verl does not read ({type(image).__name__}; write {{bytes}} or a path)"


def _bytes_fault(data: Any) -> str | None:
    if not isinstance(data, (bytes, bytearray)) or not data:
        return "an image without bytes"
    try:
        with Image.open(io.BytesIO(data)):  # reads the head of the file, not its pixels
            return None
    except (*BROKEN, Image.DecompressionBombError) as error:
        return f"an image that cannot be opened ({type(error).__name__})"


def _place_fault(place: str) -> str | None:
    if place.startswith(("http://", "https://")):
        return "an image at an address on the web, which a run does not read; write its bytes or a path"
    if place.startswith("data:"):
        return None if ";base64," in place else "a data: address without valid base64"
    path = os.path.expanduser(place.removeprefix("file://"))
    try:
        there = os.path.isfile(path)
    except ValueError:  # a NUL in the path
        there = False
    return None if there else f"the path {path[:200]!a} of an image that is not on this machine"
