"""A bounded run of a command that starts many processes: log, progress, peak memory, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.common.signals import signals_wait
from recipe.mrpo.quickstart.processes import RUN_ID, RunProcesses
from recipe.mrpo.quickstart.shared_files import remove_stale

_SAMPLE_SECONDS = 2.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Finished:
    exit_code: int
    seconds: float
    peak_memory_bytes: int
    timed_out: bool


def ray_folder(run_id: str) -> Path:
    """Where Ray keeps sockets and logs of a run. Short: a socket's path may have 107 characters."""
    return Path("/tmp") / f"mrpo-{run_id[:12]}"


def clean_up_previous(run_id_file: Path) -> int:
    """Stop processes that a killed attempt has left; returns their number."""
    if not run_id_file.exists():
        return 0
    run_id, since = run_id_file.read_text().strip(), run_id_file.stat().st_mtime
    stopped = RunProcesses(run_id).stop() if run_id else 0
    remove_stale(since=since)
    if run_id.isalnum():  # as `run` makes them; a damaged file must not become a path
        shutil.rmtree(ray_folder(run_id), ignore_errors=True)
    run_id_file.unlink()
    return stopped


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

    Ends with the command, even if another process holds the log open. At `timeout` seconds, and when `on_line` raises
    or a signal comes, the whole run is stopped; then the signal has its usual effect (`signals_wait`). When this
    returns or raises, no process of the run is left, and of Ray's folder only the logs of a run that did not end well,
    in `ray_logs` beside `log`.
    """
    run_id = uuid.uuid4().hex
    run_id_file.write_text(run_id)
    started, since = time.monotonic(), run_id_file.stat().st_mtime
    processes, peak, done = RunProcesses(run_id), [0], threading.Event()

    def sample() -> None:
        while True:
            peak[0] = processes.peak_memory()
            if done.wait(_SAMPLE_SECONDS):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    process, timed_out = None, False
    with signals_wait() as check_signals, log.open("ab", buffering=0) as out, contextlib.closing(_Tail(log)) as tail:
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
                check_signals()
                for line in tail.lines():
                    on_line(line)
                timed_out = time.monotonic() - started > timeout
                time.sleep(_POLL_SECONDS)
        finally:
            # Signals still wait: an impatient second Ctrl-C must not leave half a run behind.
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
