"""Pickle files of plain data, read without running anything in them.

A pickle is a program. The dangerous opcode looks up a name (`find_class`) to call it; lists,
dicts, texts and numbers need no such look-up, so every look-up is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from data_preprocess.source.errors import DataError


class _PlainDataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and a file of plain data needs no code")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def read_plain_pickle(file: Path) -> Any:
    """Content of a pickle made of lists, tuples, dicts, sets, texts, bytes, numbers, True, False and None.

    Raises DataError if the file asks for anything else, or is truncated.
    """
    try:
        with file.open("rb") as stream:
            return _PlainDataUnpickler(stream).load()
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
        OverflowError,
        MemoryError,
    ) as error:
        # The C unpickler raises all of these for malformed input; none of them may pass as data.
        raise DataError(f"{file.name} is refused: {error or type(error).__name__}") from error
