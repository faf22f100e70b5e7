"""The body of a chat completions request as bytes; images have megabytes and must not block other threads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from recipe.mrpo.endpoint.image import DataUrl


def request_body(request: Mapping[str, Any]) -> bytes:
    """`request` as JSON. What `data_url` made is copied, not searched for characters to escape: it has none.

    >>> request_body({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
    """
    settings = {name: value for name, value in request.items() if name != "messages"}
    # One join at the end: every join copies the images.
    return b"".join((*_opened(settings, "messages"), *_listed(request["messages"], _message), b"}"))


def _message(message: Mapping[str, Any]) -> Iterator[bytes]:
    if isinstance(message["content"], str):
        yield json.dumps(message).encode()
        return
    yield from _opened({name: value for name, value in message.items() if name != "content"}, "content")
    yield from _listed(message["content"], _part)
    yield b"}"


def _part(part: Mapping[str, Any]) -> Iterator[bytes]:
    image = part.get("image_url")
    fields: Mapping[str, Any] = image if isinstance(image, Mapping) else {}
    url = fields.get("url")
    if not isinstance(url, DataUrl) or set(part) != {"type", "image_url"} or set(fields) != {"url"}:
        yield json.dumps(part).encode()
        return
    yield from (b'{"type": "image_url", "image_url": {"url": "', url.encode("ascii"), b'"}}')


def _opened(fields: Mapping[str, Any], last: str) -> Iterator[bytes]:
    """An object with its fields, up to the value of its last one."""
    text = json.dumps(fields)
    yield f"{text[:-1]}{', ' if fields else ''}{json.dumps(last)}: ".encode()


def _listed(items: Sequence[Any], pieces_of: Callable[[Any], Iterator[bytes]]) -> Iterator[bytes]:
    yield b"["
    for number, item in enumerate(items):
        if number:
            yield b", "
        yield from pieces_of(item)
    yield b"]"
