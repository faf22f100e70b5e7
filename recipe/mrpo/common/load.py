"""A user's own part, named in an option: `package.module:name` or `folder/file.py:name`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


class NotLoaded(ValueError):
    """A name that leads to no object; the message names the option to change."""


def is_own(where: object) -> bool:
    """Is this the name of a user's own part, not of one that comes with the package?"""
    return isinstance(where, str) and ":" in where


def load_object(where: str, option: str) -> Any:
    """The object that `where` names, as the user wrote it into `option`.

    `package.module:name` is imported as Python imports it; `folder/file.py:name` is read from that file, once a
    process. Raises NotLoaded with `option` in its message if there is none.
    """
    place, _, name = str(where).rpartition(":")
    try:
        if not place or not name.isidentifier():
            raise ImportError("it needs the form package.module:name or folder/file.py:name")
        module = _file(place) if place.endswith(".py") else importlib.import_module(place)
        return getattr(module, name)
    except Exception as error:  # whatever the user's own module raises while it is imported
        raise NotLoaded(f"{option}={where} cannot be loaded: {type(error).__name__}: {error}") from error


def _file(place: str) -> Any:
    file = Path(place).expanduser().resolve()
    unique = f"mrpo_own_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module
