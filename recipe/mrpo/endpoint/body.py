"""The bytes of a response, read up to a bound: an endpoint may send more than a machine can hold."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

MAX_BODY_BYTES = 4 * 2**20
"""Largest body, compressed or not. A verdict has a few kilobytes; a longer body would be reasoning."""

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's `wbits`. No encoding is requested; some gateways compress anyway, in one layer."""


class BadBody(ValueError):
    """A body that is too long or cannot be unpacked; `read` holds the bytes up to there."""

    def __init__(self, problem: str, read: bytes = b"") -> None:
        self.read = read
        super().__init__(problem)


async def read_body(chunks: AsyncIterator[bytes], encoding: str) -> bytes:
    """All `chunks`, unpacked if `encoding` (the header Content-Encoding) is one layer of gzip or deflate.

    At most MAX_BODY_BYTES are held, and no more are unpacked. Raises BadBody.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        unpack = None
    elif encoding in _WINDOW:
        unpack = zlib.decompressobj(_WINDOW[encoding])
    else:
        raise BadBody(f"Content-Encoding {encoding[:40]!r} was not asked for")
    body, received = bytearray(), 0
    async for chunk in chunks:
        received += len(chunk)
        try:
            body += chunk if unpack is None else unpack.decompress(chunk, MAX_BODY_BYTES + 1 - len(body))
        except zlib.error as error:
            raise BadBody(f"the body is not {encoding}: {error}", bytes(body)) from None
        if max(received, len(body)) > MAX_BODY_BYTES:
            raise BadBody(f"the body is longer than {MAX_BODY_BYTES} bytes", bytes(body[:MAX_BODY_BYTES]))
    if unpack is not None and not unpack.eof:
        raise BadBody(f"the {encoding} body is cut off", bytes(body))
    return bytes(body)
