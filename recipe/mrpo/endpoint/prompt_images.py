"""The images of a prompt as bytes, in every form that verl 0.9.1 shows them to the policy.

verl takes a struct with `bytes`, a decoded image (datasets.Image), a path as text, and `{"image": path}`; its message
then holds a PIL image, a path, a file:// address or a data: address. Addresses on the web are never read here.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.endpoint.image import BadImage

EncodedImage = tuple[bytes, str]
"""Bytes and MIME type."""


@dataclass(frozen=True)
class Images:
    """The images of a prompt, in order, or the reason why they cannot be shown."""

    read: tuple[EncodedImage, ...] = ()
    problem: str | None = None

    @classmethod
    def of_prompt(cls, messages: Any) -> Images:
        """The images of a chat prompt (verl's `raw_prompt`). Never raises."""
        return cls._tried(images_of_prompt, messages)

    @classmethod
    def of_row(cls, images: Any) -> Images:
        """The images of a row's column `images`. Never raises."""
        return cls._tried(images_of_row, images)

    @classmethod
    def _tried(cls, reader: Callable[[Any], tuple[EncodedImage, ...]], source: Any) -> Images:
        try:
            return cls(reader(source))
        except BadImage as error:
            return cls(problem=str(error))


def images_of_prompt(messages: Any) -> tuple[EncodedImage, ...]:
    """The images of a chat prompt (verl's `raw_prompt`), in order.

    Raises BadImage for one that cannot be read, and for a video or sound, which no judge is shown.
    """
    found = []
    for message in messages if messages is not None else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, Iterable) and not isinstance(content, (str, bytes, Mapping)) else ():
            if not isinstance(part, Mapping):
                continue
            kind = part.get("type", "text")
            if kind in ("video", "audio") or "video" in part or "audio" in part:
                raise BadImage(f"the prompt holds a {kind}, and judges see only images")
            if kind in ("image", "image_url") or "image" in part or "image_url" in part:
                found.append(read_image(part))
    return tuple(found)


def images_of_row(images: Any) -> tuple[EncodedImage, ...]:
    """The images of a row's column `images`, in order. Raises BadImage for one that cannot be read."""
    if images is None:
        return ()
    if isinstance(images, (str, bytes, Mapping)) or not isinstance(images, Iterable):
        images = (images,)
    return tuple(read_image(image) for image in images)


def read_image(value: Any) -> EncodedImage:
    """An image in any of the forms above. Raises BadImage, naming the form, for anything else."""
    if isinstance(value, Mapping):
        for key in ("bytes", "image", "image_url", "path", "url"):
            if (inner := value.get(key)) is not None:
                return read_image(inner)
        raise BadImage("an image without bytes and without a path")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), _mime(bytes(value[:12]))
    if isinstance(value, (str, os.PathLike)):
        return read_image(_bytes_at(os.fspath(value)))
    if hasattr(value, "save") and hasattr(value, "getexif"):  # PIL; not imported where no prompt holds one
        return _encoded(value)
    raise BadImage(f"an image of the type {type(value).__name__}, which verl does not take either")


def _bytes_at(where: str) -> bytes:
    if where.startswith(("http://", "https://")):
        raise BadImage("an image at an address on the web; write its bytes or a path of this machine into the row")
    if where.startswith("data:"):
        _, found, data = where.partition("base64,")
        try:
            return base64.b64decode(data, validate=True) if found else b""
        except binascii.Error as error:
            raise BadImage(f"a data: address without valid base64: {error}") from error
    path = os.path.expanduser(where.removeprefix("file://"))
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise BadImage(f"there is no image at {path!a}: {type(error).__name__}") from error


def _encoded(image: Any) -> EncodedImage:
    """A decoded image as PNG, upright as its EXIF tag says; its pixels lose only what RGB cannot hold."""
    from PIL import ImageOps

    from recipe.mrpo.common.images import BROKEN, as_rgb

    try:
        out = io.BytesIO()
        as_rgb(ImageOps.exif_transpose(image)).save(out, "PNG", compress_level=1)
    except BROKEN as error:
        raise BadImage(f"{type(error).__name__}: {error}"[:200]) from error
    return out.getvalue(), "image/png"


def _mime(head: bytes) -> str:
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"GIF8"):
        return "image/gif"
    return "image/jpeg"
