"""What a killed run leaves in shared folders is removed, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from multiprocessing import shared_memory

from recipe.mrpo.quickstart import processes
from recipe.mrpo.quickstart import run as bounded
from recipe.mrpo.quickstart.shared_files import remove_stale


def test_only_unused_files_of_after_the_start_are_removed(tmp_path):
    start = time.time() - 100
    for name in ("verl_old", "verl_stale", "other"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "verl_old", (start - 50, start - 50))  # of an earlier run, which may belong to somebody
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "verl_bound"))
        assert remove_stale(since=start, patterns=((str(tmp_path), "verl_*"),)) == [tmp_path / "verl_stale"]
        assert {f.name for f in tmp_path.iterdir()} == {"verl_old", "verl_bound", "other"}


def test_shared_memory_stays_while_a_process_has_it_mapped():
    held = shared_memory.SharedMemory(create=True, size=4096, name=f"mrpo_test_{os.getpid()}")
    patterns = (("/dev/shm", held.name),)
    try:
        assert remove_stale(since=0, patterns=patterns) == []
        held.close()
        assert [f.name for f in remove_stale(since=0, patterns=patterns)] == [held.name]
    finally:
        with contextlib.suppress(FileNotFoundError):
            held.unlink()


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    target = tmp_path / "mine"
    target.touch()
    (tmp_path / "verl_link").symlink_to(target)
    assert remove_stale(since=0, patterns=((str(tmp_path), "verl_*"),)) == [tmp_path / "verl_link"]
    assert target.exists()


def test_the_exit_code_of_a_stopped_command_is_the_signals(tmp_path, monkeypatch):
    """psutil may collect a child before its Popen does, which then reports success."""
    monkeypatch.setattr(processes, "_STOP_SECONDS", 3)
    finished = bounded.run(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        log=tmp_path / "log", env=dict(os.environ), timeout=0.5, run_id_file=tmp_path / ".run_id", on_line=print,
    )  # fmt: skip
    assert finished.timed_out
    assert finished.exit_code == -signal.SIGTERM
