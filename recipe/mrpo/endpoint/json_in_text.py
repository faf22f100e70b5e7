"""The JSON objects in a model's text, found at a bounded cost: the text is untrusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# A reply is a few thousand characters; the bounds keep a hostile one from costing time.
MAX_REPLY_CHARS = 200_000
MAX_STARTS = 1_000
MAX_SCANNED = 10 * MAX_REPLY_CHARS
"""Bound on useless reading over all starts: an object without an end is read to the end from each of its braces."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        # Kept as a value, so that the object is still found and its failure named.
        seen["\0doubled"] = True
    return seen


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, strict=False)


class TooCostly(ValueError):
    """The text costs too much time, perhaps on purpose."""


def json_objects(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every balanced JSON object of a text that lies in no other one, with its source, from left to right.

    Raises TooCostly after MAX_STARTS objects and half objects, MAX_SCANNED characters of half ones, or one that is
    nested a thousand deep.
    """
    position, starts, scanned = text.find("{"), 0, 0
    while position >= 0:
        starts += 1
        if starts > MAX_STARTS or scanned > MAX_SCANNED:
            raise TooCostly("too many braces that do not begin an object")
        try:
            found, end = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            # A string without an end is reported where it begins, but was read to the end of the text.
            scanned += (len(text) if error.msg.startswith("Unterminated") else error.pos) - position
            end = position + 1
        except ValueError:  # a number of more digits than Python reads
            scanned += len(text) - position
            end = position + 1
        except RecursionError as error:
            raise TooCostly("nested too deep") from error
        else:
            yield found, text[position:end]
        position = text.find("{", end)
