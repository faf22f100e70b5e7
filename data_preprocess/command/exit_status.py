"""How every command of this package ends: an exit status and one sentence, never silence."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable

from data_preprocess.source.errors import DataError
from recipe.mrpo.common.signals import STOP_SIGNALS, Stopped, signals_stop

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
_STOP = tuple(number for number in STOP_SIGNALS if number != signal.SIGINT)  # Ctrl-C is KeyboardInterrupt


def guarded(work: Callable[[], int], *, resumes: bool) -> int:
    """Run a command and return its exit status: its own, 1 for bad data or a full disk, 128 + n for a signal.

    Without this a signal would end the process silently and leave temporary files. SIGKILL cannot be caught: the
    next run tells how many finished rows it found. `resumes`: the same command goes on after an interruption.
    """
    try:
        with signals_stop(_STOP, keep_handlers=True):
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
        if error.errno in _NO_ROOM and resumes:
            print("What is finished is kept: make room and run the same command again, it goes on.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED, resumes)
    except Stopped as stop:
        return _told(f"stopped by {stop}", stop.code, resumes)


def _told(what: str, status: int, resumes: bool) -> int:
    then = "the same command goes on where this one stopped" if resumes else "nothing was written"
    print(f"{what}; {then}", file=sys.stderr)
    return status
