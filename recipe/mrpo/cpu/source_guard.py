"""A check, with an error, that a foreign function is still the one for which a patch was written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version


def expect_source(function: Callable, marker: str, *, patch: str, written_for: str) -> None:
    """Raise RuntimeError unless the source of ``function`` contains ``marker``.

    patch: the effect of the patch, for the message; written_for: distribution and version, as in "verl 0.9.1".
    """
    if marker in inspect.getsource(function):
        return
    name = written_for.split()[0]
    try:
        installed = f"{name} {version(name)}"
    except PackageNotFoundError:
        installed = f"no distribution called {name}"
    raise RuntimeError(
        f"cannot {patch}: {function.__module__}.{function.__qualname__} no longer contains {marker!r}. "
        f"This CPU patch was written for {written_for}; installed is {installed}. "
        f"Install the versions in recipe/mrpo/pins.txt."
    )
