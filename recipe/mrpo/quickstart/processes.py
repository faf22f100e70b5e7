"""The processes of one run, found and stopped wherever they went.

Ray and vLLM start daemons in separate sessions, and a title that a process gives itself may overwrite its
environment. So a run's processes are those that carry its id in their environment, those of the command's session,
all their descendants, and every process that was ever seen to be one of these.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

import psutil

RUN_ID = "MRPO_RUN_ID"
"""Environment variable that marks every process of a run."""

_STOP_SECONDS = 10
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError)  # it ended meanwhile, or is another user's


class RunProcesses:
    """The processes of one run; two threads may call it."""

    def __init__(self, run_id: str, session: int | None = None):
        self.run_id, self.session = run_id, session
        self._seen: set[psutil.Process] = set()

    def find(self) -> set[psutil.Process]:
        """Living processes of the run, without this one."""
        # A new table each time: `psutil.process_iter` shares one between threads.
        everyone = [p for p in map(_process, psutil.pids()) if p is not None and p.pid != os.getpid()]
        known = {p for p in {*self._seen, *filter(self._is_marked, everyone)} if _lives(p)}
        found = known | {child for p in known for child in _descendants(p)}
        self._seen = self._seen | found
        return {p for p in found if _lives(p)}

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            if self.session is not None and os.getsid(process.pid) == self.session:
                return True
            return process.environ().get(RUN_ID) == self.run_id
        except _GONE:
            return False

    def memory(self) -> int:
        """Memory of all of them together: the sum of their proportional set sizes, in bytes."""
        total = 0
        for process in self.find():
            with contextlib.suppress(*_GONE):
                total += process.memory_full_info().pss
        return total

    def stop(self) -> int:
        """Terminate all processes, kill them after some seconds; returns their number at the beginning."""
        first = self.find()
        for process in first:
            _signal(process, signal.SIGTERM)
        _wait(first, _STOP_SECONDS)
        for _ in range(10):  # a process may start another one before it is killed
            left = self.find()
            if not left:
                break
            for process in left:
                _signal(process, signal.SIGKILL)
            _wait(left, 1)
        return len(first)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except _GONE:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def _wait(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Until all have ended. `psutil.wait_procs` would take a child's exit code away from its Popen, which reads 0."""
    deadline = time.monotonic() + seconds
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except _GONE:
        return []


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(*_GONE):
        process.send_signal(number)
