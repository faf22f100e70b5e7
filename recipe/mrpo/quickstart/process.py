"""A bounded run of a command that starts many processes: log, progress, peak memory, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

RUN_ID = "MRPO_RUN_ID"
"""Environment variable that marks every process of a run, also those that left its process group."""

_STOP_SECONDS = 15
_SAMPLE_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    exit_code: int
    seconds: float
    peak_memory_bytes: int
    timed_out: bool


def processes_of(run_id: str) -> Iterator[psutil.Process]:
    """Every process of this user whose environment names the run, except this one."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(RUN_ID) == run_id:
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue


def stop_all(run_id: str) -> int:
    """Terminate, then kill, what is left of a run; returns how many processes there were."""
    left = list(processes_of(run_id))
    for process in left:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=_STOP_SECONDS)
    for process in [*alive, *processes_of(run_id)]:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=_STOP_SECONDS)
    return len(left)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
        process.send_signal(number)


def memory_of(run_id: str) -> int:
    """Memory of all processes of a run together: the sum of their proportional set sizes, in bytes."""
    total = 0
    for process in processes_of(run_id):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return total


def clean_up_previous(run_id_file: Path) -> int:
    """Stop what an attempt that was killed has left behind; returns how many processes there were."""
    if not run_id_file.exists():
        return 0
    stopped = stop_all(run_id_file.read_text().strip())
    run_id_file.unlink()
    return stopped


def run(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    timeout: float,
    run_id_file: Path,
    on_line: Callable[[str], None],
) -> Finished:
    """Run `command` in its own session with all output in `log`; `on_line` sees each line as it comes.

    At `timeout` seconds, on Ctrl-C and on SIGTERM the whole run is stopped. KeyboardInterrupt goes on to the caller.
    When this returns or raises, no process of the run is left.
    """
    run_id = uuid.uuid4().hex
    run_id_file.write_text(run_id)
    started = time.monotonic()
    peak, done = [0], threading.Event()

    def sample() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], memory_of(run_id))

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    sampler = threading.Thread(target=sample, daemon=True)
    try:
        with log.open("ab", buffering=0) as out:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env={**env, RUN_ID: run_id}, start_new_session=True,
            )  # fmt: skip
            timer = threading.Timer(timeout, stop_all, args=[run_id])
            timer.start()
            sampler.start()
            try:
                for raw in process.stdout:
                    out.write(raw)
                    on_line(raw.decode("utf-8", "replace").rstrip())
                code = process.wait()
            finally:
                timer.cancel()
        seconds = time.monotonic() - started
        return Finished(code, seconds, peak[0], seconds >= timeout)
    finally:
        done.set()
        stop_all(run_id)
        run_id_file.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)
