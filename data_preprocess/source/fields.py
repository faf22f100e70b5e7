"""Fields of a record: there or not, text or not. Each fault is a BadRow with file and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_preprocess.source.errors import BadRow, shortened
from data_preprocess.source.text import clean
from data_preprocess.source.text_files import DoubledKeys


def require_fields(record: Any, fields: tuple[str, ...], file: Path, where: int | str) -> None:
    """Raises BadRow if a record is not an object or lacks one of the fields."""
    if not isinstance(record, dict):
        raise BadRow(file, where, f"a record must be a JSON object, not {type(record).__name__}")
    missing = [name for name in fields if name not in record]
    if missing:
        found = shortened(", ".join(map(str, record))) or "none"
        raise BadRow(file, where, f"fields missing: {', '.join(missing)}; found: {found}")


def field_text(record: dict[str, Any], name: str, file: Path, where: int | str) -> str:
    """A field's text. Raises BadRow if it is missing, empty, a filler (fillers.py) or not text."""
    text = optional_text(record, name, file, where)
    if name not in record:
        require_fields(record, (name,), file, where)
    if text is None:
        given = record.get(name)
        shown = f": {given!r} stands for a missing value" if isinstance(given, str) and given.strip() else ""
        raise BadRow(file, where, f"{name} is empty{shown}")
    return text


def optional_text(record: dict[str, Any], name: str, file: Path, where: int | str) -> str | None:
    """A field's text or None. Raises BadRow if it is neither text nor a number, or stands twice in the record."""
    if isinstance(record, DoubledKeys) and name in record.doubled:
        raise BadRow(file, where, f"{name} stands twice in the record")
    try:
        return clean(record.get(name))
    except TypeError as error:
        raise BadRow(file, where, f"{name}: {error}") from error
