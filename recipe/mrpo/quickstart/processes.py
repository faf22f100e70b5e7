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
from collections import defaultdict
from collections.abc import Callable, Iterable

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
        self._resident, self._peak = 0, 0

    def find(self) -> set[psutil.Process]:
        """Living processes of the run, without this one."""
        # A new table each time: `psutil.process_iter` shares one between threads.
        everyone = [p for p in map(_process, psutil.pids()) if p is not None and p.pid != os.getpid()]
        known = {p for p in {*self._seen, *filter(self._is_marked, everyone)} if _lives(p)}
        found = _with_descendants(known, everyone)
        self._seen = self._seen | found
        return {p for p in found if _lives(p)}

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            if self.session is not None and os.getsid(process.pid) == self.session:
                return True
            return process.environ().get(RUN_ID) == self.run_id
        except _GONE:
            return False

    def peak_memory(self) -> int:
        """Most memory of all of them together in the calls so far: the sum of their proportional set sizes, in bytes.

        The kernel walks every page for these sizes, a sixth of a core if asked every two seconds. So they are read
        only when the sum of resident sizes, which is cheap to read, is 0.5 % higher than at the last reading.
        """
        found = self.find()
        resident = _sum(found, lambda process: process.memory_info().rss)
        if resident > 1.005 * self._resident:
            self._resident = resident
            self._peak = max(self._peak, _sum(found, lambda process: process.memory_full_info().pss))
        return self._peak

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


def _with_descendants(known: set[psutil.Process], everyone: Iterable[psutil.Process]) -> set[psutil.Process]:
    """`known` and all that they have started, from one table: `Process.children` reads the whole table for each."""
    children = defaultdict(list)
    for process in everyone:
        with contextlib.suppress(*_GONE):
            children[process.ppid()].append(process)
    found, todo = set(known), list(known)
    while todo:
        parent = todo.pop()
        for child in children[parent.pid]:
            # an older one belongs to an earlier process of the same number
            if child not in found and child.create_time() >= parent.create_time():
                found.add(child)
                todo.append(child)
    return found


def _sum(found: Iterable[psutil.Process], size: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in found:
        with contextlib.suppress(*_GONE):
            total += size(process)
    return total


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(*_GONE):
        process.send_signal(number)
