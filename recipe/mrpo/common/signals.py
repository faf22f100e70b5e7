"""Signals that ask a process to end, as an exception, so that running work can clean up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a request to end, a closed terminal; those that this system has."""


class Stopped(BaseException):
    """A signal asked this process to end; `code` is the exit status that shells expect, 128 + the signal's number."""

    def __init__(self, number: int):
        self.number = number
        self.code = 128 + number
        super().__init__("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)


def heeded(numbers: Sequence[int] = STOP_SIGNALS) -> list[int]:
    """Those of these signals that this process does not ignore: nohup ignores SIGHUP, and that stays."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextlib.contextmanager
def handlers(handler: Any, numbers: Sequence[int] = STOP_SIGNALS) -> Iterator[None]:
    """`handler` for these signals inside the block; afterwards the handlers that were there before."""
    before = {}
    try:
        for number in numbers:
            before[number] = signal.getsignal(number)  # noted first: the new one may raise at once
            signal.signal(number, handler)
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def signals_stop(numbers: Sequence[int] = STOP_SIGNALS, *, keep_handlers: bool = False) -> Iterator[None]:
    """These signals raise Stopped inside the block; one that is ignored stays ignored.

    `keep_handlers`: only where a signal has its default meaning, because another program's handler may be there.
    """

    def stop(number: int, frame: Any) -> None:
        raise Stopped(number)

    chosen = [n for n in heeded(numbers) if not keep_handlers or signal.getsignal(n) is signal.SIG_DFL]
    with handlers(stop, chosen):
        yield


class _Waiting(BaseException):
    """Leads out of a block of `signals_wait`, at a place where nothing is locked."""


@contextlib.contextmanager
def signals_wait(numbers: Sequence[int] = STOP_SIGNALS) -> Iterator[Callable[[], None]]:
    """Signals wait inside the block until it calls what it is given, or ends; then they have their usual effect.

    For blocks that share locks with other threads. Python runs a handler between any two instructions, so one that
    raises may leave `Condition.__enter__` with the lock held: the threads of a pool then wait for it, and the pool for
    its threads, for ever (docs.python.org/3/library/signal.html, "Note on Signal Handlers and Exceptions"). The call
    leaves the block first, which may end its threads. A signal that is ignored stays ignored. Outside of the main
    thread, where handlers never run, nothing changes.
    """
    arrived: list[int] = []

    def leave() -> None:
        if arrived:
            raise _Waiting

    if threading.current_thread() is not threading.main_thread():
        yield leave
        return
    left = False
    try:
        with handlers(lambda number, frame: arrived.append(number), heeded(numbers)):
            yield leave
    except _Waiting:
        left = True
    finally:
        if arrived:
            signal.raise_signal(arrived[0])
    if left:  # the usual effect was only to note it, and the block is not finished
        raise Stopped(arrived[0])
