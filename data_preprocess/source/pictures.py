"""Image cells: every form in which tables hold a picture, told apart by the cell itself.

b"\\x89PNG…"                               bytes
{"bytes": …, "path": …}                   Hugging Face's Image feature
[{"bytes": …}]  [b"…"]  ["a.png"]         verl's `images`: a list of one image or several, in their order
{"image": …}                              verl's other form: bytes or a path
"data:image/png;base64,…"  "iVBORw0KG…"   text that holds the bytes
"images/a.png"                            a path: the file lies beside the table
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]{64,}={0,2}\s*")
_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
_LONGEST_NAME = 255
_KEYS = ("bytes", "image", "path")


def holds_pictures(kind: pa.DataType) -> bool:
    """Can a column of this Arrow type hold pictures in one of the forms above?"""
    types = pa.types
    if types.is_dictionary(kind):
        return holds_pictures(kind.value_type)
    if types.is_struct(kind):
        return any(holds_pictures(kind.field(name).type) for name in _KEYS if kind.get_field_index(name) >= 0)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return holds_pictures(kind.value_type)
    if types.is_map(kind):
        return holds_pictures(kind.item_type)
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    data = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(holds(kind) for holds in (*texts, *data))


def pictures(cell: Any) -> list[bytes | str]:
    """The pictures of a cell: bytes, or the path of a file as the cell gives it.

    Raises ValueError for a cell in none of the forms above, and for a list of which only some entries hold a picture;
    its text says what the cell holds instead.
    """
    if cell is None:
        return []
    if isinstance(cell, list):
        return [picture for picture, _ in named_pictures(cell)]
    if isinstance(cell, dict):
        return next((found for key in _KEYS if (found := pictures(cell.get(key)))), [])
    if isinstance(cell, bytes):
        return [cell] if cell else []
    if isinstance(cell, str):
        return [_of_text(cell)] if cell.strip() else []
    raise ValueError(f"{type(cell).__name__} in the place of an image")


def named_pictures(cell: Any) -> list[tuple[bytes | str, str]]:
    """`pictures`, each with the name that the cell gives it ("": none). Raises ValueError as `pictures` does."""
    if isinstance(cell, list):
        if cell and all(isinstance(item, tuple) for item in cell):  # how Arrow gives a map
            return named_pictures(dict(cell))
        found = [named_pictures(item) for item in cell]
        if any(found) and not all(found):  # the question may count it: never shift the others
            raise ValueError(f"an empty entry among its {len(cell)} images")
        return [picture for entry in found for picture in entry]
    return [(picture, path_of(cell)) for picture in pictures(cell)]


def path_of(cell: Any) -> str:
    """The name that a cell gives its one picture; "" where it gives none."""
    if isinstance(cell, list) and cell:
        return path_of(dict(cell)) if isinstance(cell[0], tuple) else path_of(cell[0])
    if isinstance(cell, dict):
        return next((name for key in ("path", "image") if (name := path_of(cell.get(key)))), "")
    return cell if isinstance(cell, str) and not is_inline(cell) else ""


def is_inline(text: str) -> bool:
    """Does a text hold the bytes of a picture (base64, a data URL) instead of the name of a file?"""
    if text.startswith("data:"):
        return True
    if not _BASE64.fullmatch(text[:4096]):
        return False
    return len(text) > _LONGEST_NAME or _decoded("".join(text[:64].split())[:16]).startswith(_STARTS)


def _of_text(text: str) -> bytes | str:
    text = text.strip()
    if text.startswith("data:"):
        head, comma, body = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("a data URL without base64")
        return _decoded(body)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        raise ValueError(f"an address ({text[:80]}): download the images first")
    return _decoded(text) if is_inline(text) else text


def _decoded(text: str) -> bytes:
    plain = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"broken base64: {error}") from None


def safe_name(path: str) -> str:
    """The name of an image as a data set may keep it: a path of another machine is cut to its last part.

    "" for a name that no file can have.
    """
    if any(ord(character) < 32 for character in path) or any("\ud800" <= c <= "\udfff" for c in path):
        return ""
    plain = path.strip().replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if not parts:
        return ""
    foreign = plain.startswith(("/", "~")) or ":" in parts[0] or ".." in parts
    name = parts[-1] if foreign else "/".join(parts)
    return "" if name in ("/", "..", "~") or name.endswith(":") else name
