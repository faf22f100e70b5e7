"""The suite passes however it was started: nohup and background jobs ignore signals, and children inherit that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IN_THE_SUITE = """
import signal, subprocess, sys

def test_a_child_can_be_interrupted():
    code = "import os, signal, time; os.kill(os.getpid(), signal.{name}); time.sleep(60)"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code], timeout=900).returncode in (-signal.{name}, 1)
"""


@pytest.mark.long
def test_signals_that_were_ignored_at_the_start_reach_the_children_of_tests(tmp_path):
    """Without `pytest_configure` each child sleeps on. Workers of xdist inherit what this process has set."""
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        (tmp_path / f"test_{name.lower()}.py").write_text(IN_THE_SUITE.format(name=name))
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    ignoring = ["sh", "-c", "trap '' INT HUP TERM; exec \"$@\"", "sh", *suite, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(ignoring, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
