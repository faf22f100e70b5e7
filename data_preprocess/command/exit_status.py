"""How every command of this package ends: an exit status and one sentence, never silence."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from data_preprocess.source.errors import DataError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(BaseException):
    """The process was asked to end (SIGTERM, SIGHUP)."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


def guarded(work: Callable[[], int], *, resumes: bool) -> int:
    """Run a command and return its exit status: its own, 1 for bad data or a full disk, 128 + n for a signal.

    A signal would else end the process without a word and leave temporary files behind. SIGKILL cannot be caught: the
    next run says what it found of an interrupted one. `resumes`: the same command goes on after an interruption.
    """
    try:
        with _signals():
            return work()
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`). Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED, resumes)
    except Stopped as stop:
        return _told(f"stopped by {stop}", 128 + stop.number, resumes)


def _told(what: str, status: int, resumes: bool) -> int:
    then = "the same command goes on where this one stopped" if resumes else "nothing was written"
    print(f"{what}; {then}", file=sys.stderr)
    return status


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and SIGHUP as exceptions, where they have their default meaning (nohup ignores SIGHUP)."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped(number)

    changed = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
