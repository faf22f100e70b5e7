"""Ctrl-C in a long phase: the first one ends it at a whole line, the second one kills the process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from recipe.mrpo.common.signals import STOP_SIGNALS, handlers


class Stop:
    """Was this process asked to end? `number` is the signal, or None."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @contextmanager
    def listening(self, number_of_lines: str) -> Iterator[Stop]:
        """The first signal is noted, with a sentence on what happens now; every further one has its default meaning."""

        def note(number: int, frame: Any) -> None:
            self.number = number
            for each in STOP_SIGNALS:
                signal.signal(each, signal.SIG_DFL)
            print(
                f"\nstopping; {number_of_lines}. The same command goes on from here. Once more kills it.",
                file=sys.stderr,
                flush=True,
            )

        if self.number is not None:
            yield self
            return
        # nohup ignores SIGHUP, and a shell's background job SIGINT: that stays.
        chosen = [n for n in STOP_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        with handlers(note, chosen):
            yield self
