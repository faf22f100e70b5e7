"""Ctrl-C in a long phase: the first one ends it at a whole line, the second one kills the process."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from recipe.mrpo.common.signals import handlers, heeded


class Stop:
    """Was this process asked to end? `number` is the signal, or None."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @contextlib.contextmanager
    def listening(self, number_of_lines: str) -> Iterator[Stop]:
        """The first signal is noted, with a sentence on what happens now; every further one has its default meaning."""

        def note(number: int, frame: Any) -> None:
            self.number = number
            for each in chosen:
                signal.signal(each, signal.SIG_DFL)
            # Not by print: where the main thread is writing to stderr, Python refuses a second write within the first.
            told = f"\nstopping; {number_of_lines}. The same command goes on from here. Once more kills it.\n"
            with contextlib.suppress(OSError):  # nobody reads it any more; it stops all the same
                os.write(2, told.encode())

        if self.number is not None:
            yield self
            return
        chosen = heeded()
        with handlers(note, chosen):
            yield self
