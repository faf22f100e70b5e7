"""Signals that ask a process to end, as an exception, so that running work can clean up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from typing import Any

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a request to end, a closed terminal; those that this system has."""


class Stopped(BaseException):
    """A signal asked this process to end; `code` is the exit status that shells expect, 128 + the signal's number."""

    def __init__(self, number: int):
        self.number = number
        self.code = 128 + number
        super().__init__("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)


@contextlib.contextmanager
def handlers(handler: Any, numbers: Sequence[int] = STOP_SIGNALS) -> Iterator[None]:
    """`handler` for these signals inside the block; afterwards the handlers that were there before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def signals_stop(numbers: Sequence[int] = STOP_SIGNALS, *, keep_handlers: bool = False) -> Iterator[None]:
    """These signals raise Stopped inside the block.

    `keep_handlers`: only where a signal has its default meaning; nohup ignores SIGHUP, and that stays.
    """

    def stop(number: int, frame: Any) -> None:
        raise Stopped(number)

    chosen = [number for number in numbers if not keep_handlers or signal.getsignal(number) is signal.SIG_DFL]
    with handlers(stop, chosen):
        yield
