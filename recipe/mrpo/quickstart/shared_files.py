"""Shared memory and sockets that verl leaves behind when it is killed while it hands weights to the rollout engine.

verl 0.9.1, `bucketed_weight_transfer.py` and `vllm_rollout.py`: fixed folders, and names that say nothing of the run.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

PATTERNS = (("/dev/shm", "verl_weights_*"), ("/tmp", "rl-colocate-zmq-*.sock"))


def remove_stale(*, since: float, patterns: tuple[tuple[str, str], ...] = PATTERNS) -> list[Path]:
    """Remove those of this user that were made since a time (seconds of the wall clock) and that no process uses.

    Returns the removed files. A file of another run stays: its process has it mapped, or the socket bound.
    """
    found = [file for folder, pattern in patterns for file in Path(folder).glob(pattern)]
    used = _in_use() if found else set()
    removed = []
    for file in found:
        with contextlib.suppress(FileNotFoundError):  # its owner was quicker
            facts = file.lstat()
            if facts.st_uid == os.getuid() and facts.st_mtime >= since and str(file) not in used:
                file.unlink()
                removed.append(file)
    return removed


def _in_use() -> set[str]:
    """Paths that some process has mapped, and of Unix sockets that are bound."""
    used = _paths(Path("/proc/net/unix"), column=7)
    for pid in psutil.pids():
        used |= _paths(Path(f"/proc/{pid}/maps"), column=5)
    return used


def _paths(table: Path, *, column: int) -> set[str]:
    try:
        lines = table.read_text().splitlines()
    except OSError:  # a process that ended, or of another user, or no Linux
        return set()
    return {words[column] for words in map(str.split, lines) if len(words) > column and words[column].startswith("/")}
