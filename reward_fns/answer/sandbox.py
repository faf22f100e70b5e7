"""math-verify on any text, as the published reward has it: in a separate process that a time limit ends.

The published code gives math-verify whole completions, which no gate has seen. Its time limits are signals, which only
the main thread may set, and a signal does not interrupt a long computation in C (a tower of powers). Here a child
process does the work: an alarm without a handler ends it, whatever it is doing, and the next comparison starts another.
The limit is on time of the processor, so that a busy machine does not turn a right answer into a wrong one.
Nothing here calls eval; sympy, behind math-verify, does so with what math-verify takes for an expression, which is
digits and operators. That too happens in the child, under a limit on its memory.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from functools import lru_cache
from typing import IO, cast

logger = logging.getLogger(__name__)

_MEMORY_BYTES = 4 << 30
_WALL_FACTOR = 60
_ENVIRONMENT = frozenset("PATH PYTHONPATH PYTHONHOME VIRTUAL_ENV LD_LIBRARY_PATH HOME TMPDIR LANG LC_ALL".split())
"""Environment variables that the child gets; a key is not among them."""


_workers: weakref.WeakSet[MathWorker] = weakref.WeakSet()


class MathWorker:
    """Compares with math-verify, one pair of texts after the other; safe to share between threads.

    Raises RuntimeError if the child process cannot be started.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        _workers.add(self)

    def accepts(self, prediction: str, gold: str) -> bool:
        """`verify(parse(prediction), parse(gold))`; False above `timeout_s` of the processor, or if it ends."""
        with self._lock:
            process = self._running()
            requests, replies = _pipes(process)
            try:
                request = memoryview(json.dumps([prediction, gold]).encode() + b"\n")
                while request:
                    request = request[requests.write(request) :]
                reply = replies.readline()
            except BrokenPipeError:
                reply = b""
            except BaseException:
                # Whoever goes on after a Ctrl-C must not read the reply to this request as one to the next.
                self._stop()
                raise
            if reply:
                return json.loads(reply)
            self._stop()
        if process.returncode == -signal.SIGPROF:
            logger.debug("math-verify took more than %s s; the answer is not accepted", self._timeout_s)
        else:
            logger.warning("math-verify ended its process (%s); the answer is not accepted", process.returncode)
        return False

    def start(self) -> None:
        """Start the child process now, which takes a second, rather than at the first comparison."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the child process; a later comparison starts another. It also ends when this process does."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), str(self._timeout_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a buffer that a fork copies would be sent twice
            env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
        )
        self._process, self._owner = process, os.getpid()
        try:
            ready = _pipes(process)[1].readline()
        except BaseException:
            self._stop()
            raise
        if not ready:
            self._stop()
            raise RuntimeError(
                f"the process for math-verify did not start (exit code {process.returncode}); its error is above. "
                "mrpo.rewards.answer.compat=none needs no such process."
            )
        return process

    def _stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if self._owner != os.getpid():
            return  # a fork's copy: the process belongs to another
        process.kill()
        process.wait()
        requests, replies = _pipes(process)
        with suppress(BrokenPipeError):  # what it no longer reads
            requests.close()
        replies.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """The pipes to the child's stdin and from its stdout; it is started with both."""
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _renew_locks() -> None:
    """After a fork: if another thread held a lock then, no thread is left to release it."""
    for worker in _workers:
        worker._lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_locks)


@lru_cache(maxsize=4)
def get_worker(timeout_s: float) -> MathWorker:
    """The worker of this time limit, one per process."""
    return MathWorker(timeout_s=timeout_s)


def _serve(timeout_s: float) -> None:
    """The child: a line in, two texts; a line out, true or false."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library's printed text must not be read as a reply
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]  # our modules are none of the child's

    import resource

    from math_verify import parse, verify

    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it warns that its own time limits are off
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and that closes our input
    for alarm in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(alarm, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    verify(parse("$1$", parsing_timeout=None), parse("1", parsing_timeout=None), timeout_seconds=None)  # loads grammars
    replies.write(b"ready\n")
    replies.flush()
    for line in sys.stdin.buffer:
        prediction, gold = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, timeout_s)
        signal.setitimer(signal.ITIMER_REAL, _WALL_FACTOR * timeout_s)  # for work that waits instead of counting
        found = parse(prediction, parsing_timeout=None)
        accepted = bool(verify(found, parse(gold, parsing_timeout=None), timeout_seconds=None))
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        replies.write(json.dumps(accepted).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
