"""A bounded run of a command that starts many processes: log, progress, peak memory, and nothing left behind.

Ray and vLLM start daemons in sessions of their own, and a title that a process gives itself may overwrite its
environment. So a run's processes are those that carry its id in their environment, those of the command's session,
all their descendants, and every process that was ever seen to be one of these.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from recipe.mrpo.quickstart.shared_files import remove_stale

RUN_ID = "MRPO_RUN_ID"
"""Environment variable that marks every process of a run."""

_STOP_SECONDS = 10
_SAMPLE_SECONDS = 2.0
_POLL_SECONDS = 0.2
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError)  # it ended meanwhile, or is another user's
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this process to stop; `code` is the exit code that shells expect, 128 + the signal's number."""

    def __init__(self, number: int):
        super().__init__("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        self.code = 128 + number


@dataclass(frozen=True)
class Finished:
    exit_code: int
    seconds: float
    peak_memory_bytes: int
    timed_out: bool


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
        """Terminate, after some seconds kill, until none is left; returns how many there were at first."""
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


def processes_of(run_id: str) -> set[psutil.Process]:
    """Living processes of a run of this or another process."""
    return RunProcesses(run_id).find()


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


def ray_folder(run_id: str) -> Path:
    """Where Ray keeps sockets and logs of a run. Short: a socket's path may have 107 characters."""
    return Path("/tmp") / f"mrpo-{run_id[:12]}"


def clean_up_previous(run_id_file: Path) -> int:
    """Stop what an attempt that was killed has left behind; returns how many processes there were."""
    if not run_id_file.exists():
        return 0
    run_id, since = run_id_file.read_text().strip(), run_id_file.stat().st_mtime
    stopped = RunProcesses(run_id).stop() if run_id else 0
    remove_stale(since=since)
    if run_id.isalnum():  # as `run` makes them; a damaged file must not become a path
        shutil.rmtree(ray_folder(run_id), ignore_errors=True)
    run_id_file.unlink()
    return stopped


@contextlib.contextmanager
def signals_stop() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal raise Stopped inside the block."""

    def stop(number, frame):
        raise Stopped(number)

    with _handlers(stop):
        yield


@contextlib.contextmanager
def _handlers(handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


class _Tail:
    """Complete lines that were appended to a file since the last call."""

    def __init__(self, file: Path):
        self._file, self._rest = file.open("rb"), b""
        self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        *complete, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip() for line in complete]

    def close(self) -> None:
        self._file.close()


def _keep_ray_logs(run_id: str, to: Path) -> None:
    """Save Ray's own logs of a run that failed: its folder goes with the run."""
    logs = ray_folder(run_id) / "ray" / "session_latest" / "logs"
    if logs.is_dir():
        shutil.rmtree(to, ignore_errors=True)
        with contextlib.suppress(shutil.Error):  # a log that a process removes while it is copied
            shutil.copytree(logs, to)


def run(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    timeout: float,
    run_id_file: Path,
    on_line: Callable[[str], None],
) -> Finished:
    """Run `command` in its own session with all output appended to `log`; `on_line` sees each line as it comes.

    Ends when the command does, whoever else still holds the log open. At `timeout` seconds, and when `on_line` or a
    signal handler (`signals_stop`) raises, the whole run is stopped. When this returns or raises, no process of the run
    is left, and of Ray's folder only the logs of a run that did not end well, in `ray_logs` beside `log`.
    """
    run_id = uuid.uuid4().hex
    run_id_file.write_text(run_id)
    started, since = time.monotonic(), run_id_file.stat().st_mtime
    processes, peak, done = RunProcesses(run_id), [0], threading.Event()

    def sample() -> None:
        while True:
            peak[0] = max(peak[0], processes.memory())
            if done.wait(_SAMPLE_SECONDS):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    process, timed_out = None, False
    with log.open("ab", buffering=0) as out, contextlib.closing(_Tail(log)) as tail:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**env, RUN_ID: run_id, "RAY_TMPDIR": str(ray_folder(run_id))},
                start_new_session=True,
            )
            processes.session = process.pid
            sampler.start()
            while process.poll() is None and not timed_out:
                for line in tail.lines():
                    on_line(line)
                timed_out = time.monotonic() - started > timeout
                time.sleep(_POLL_SECONDS)
        finally:
            # An impatient second Ctrl-C must not leave half a run behind.
            with _handlers(signal.SIG_IGN):
                done.set()
                if sampler.ident is not None:
                    sampler.join()
                well = process is not None and process.poll() == 0
                processes.stop()
                remove_stale(since=since)
                if not well:
                    _keep_ray_logs(run_id, log.parent / "ray_logs")
                shutil.rmtree(ray_folder(run_id), ignore_errors=True)
                run_id_file.unlink(missing_ok=True)
        seconds = time.monotonic() - started
        for line in tail.lines():
            on_line(line)
    return Finished(process.wait(), seconds, peak[0], timed_out)
