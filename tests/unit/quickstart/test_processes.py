"""A quickstart's run ends with all of its processes, however it ends; here with small stand-ins for verl."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from recipe.mrpo.common import signals
from recipe.mrpo.quickstart import processes
from recipe.mrpo.quickstart import run as bounded

pytestmark = pytest.mark.long

# Starts a child in a session of its own, a grandchild that has lost the mark, and both outlive it or ignore SIGTERM.
FAMILY = """
    import os, signal, subprocess, sys, time
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
    marked = subprocess.Popen(["sleep", "300"], start_new_session=True)
    unmarked = subprocess.Popen([sys.executable, "-c", deaf], env={"PATH": os.environ["PATH"]})
    print("pids", marked.pid, unmarked.pid, flush=True)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(processes, "_STOP_SECONDS", 1)
    monkeypatch.setattr(bounded, "_SAMPLE_SECONDS", 0.1)
    monkeypatch.setattr(bounded, "_POLL_SECONDS", 0.02)


def run(tmp_path: Path, code: str, *, timeout: float = 300, on_line=lambda line: None) -> bounded.Finished:
    return bounded.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        log=tmp_path / "log", env=os.environ, timeout=timeout, run_id_file=tmp_path / "id", on_line=on_line,
    )  # fmt: skip


def pids(lines: list[str]) -> list[int]:
    return [int(word) for line in lines if line.startswith("pids") for word in line.split()[1:]]


def living(numbers: list[int]) -> list[int]:
    return [number for number in numbers if lives(number)]


def lives(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_exit_code_log_and_lines_are_those_of_the_command(tmp_path):
    lines = []
    code = "import sys; print('out'); print('err', file=sys.stderr); print('last, no newline', end=''); sys.exit(3)"
    done = run(tmp_path, code, on_line=lines.append)
    assert (done.exit_code, done.timed_out) == (3, False)
    assert sorted(lines) == ["err", "out"] and "last, no newline" in (tmp_path / "log").read_text()
    assert not (tmp_path / "id").exists()


def test_lines_arrive_while_the_command_runs(tmp_path):
    """The command ends when its line has been seen."""
    seen = tmp_path / "seen"
    code = f"""
        import pathlib, time
        print("early", flush=True)
        while not pathlib.Path({str(seen)!r}).exists():
            time.sleep(0.02)
    """
    done = run(tmp_path, code, on_line=seen.write_text)
    assert (done.exit_code, done.timed_out) == (0, False) and seen.read_text() == "early"


def test_a_second_run_adds_to_the_log_and_sees_only_its_own_lines(tmp_path):
    lines = []
    run(tmp_path, "print('one')")
    run(tmp_path, "print('two')", on_line=lines.append)
    assert lines == ["two"] and (tmp_path / "log").read_text() == "one\ntwo\n"


def test_processes_that_outlive_the_command_are_stopped(tmp_path):
    """One is in another session, one has no mark and ignores SIGTERM; both still hold the log open."""
    lines = []
    done = run(tmp_path, FAMILY + "\n    time.sleep(1)", on_line=lines.append)
    assert done.exit_code == 0 and len(pids(lines)) == 2
    assert living(pids(lines)) == []


def test_a_run_ends_at_its_time_limit_with_all_its_processes(tmp_path):
    for limit in (1.5, 15, 150):  # a busy machine may need longer to start them
        lines = []
        done = run(tmp_path, FAMILY + "\n    time.sleep(300)", timeout=limit, on_line=lines.append)
        assert done.timed_out and limit <= done.seconds < 300
        if pids(lines):
            break
    assert len(pids(lines)) == 2 and living(pids(lines)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_tells_its_exit_code(tmp_path, number):
    lines = []

    def interrupt_once_started(line):
        lines.append(line)
        threading.Timer(0.3, os.kill, (os.getpid(), number)).start()

    before = signal.getsignal(number)
    with pytest.raises(signals.Stopped) as stopped, signals.signals_stop():
        run(tmp_path, FAMILY + "\n    time.sleep(300)", on_line=interrupt_once_started)
    assert stopped.value.code == 128 + number
    assert len(pids(lines)) == 2 and living(pids(lines)) == []
    assert signal.getsignal(number) is before, "the handlers of before are back"
    assert not (tmp_path / "id").exists()


def test_an_impatient_second_signal_does_not_disturb_the_cleaning_up(tmp_path, monkeypatch):
    lines, stop = [], processes.RunProcesses.stop

    def stop_while_interrupted(self):
        os.kill(os.getpid(), signal.SIGINT)
        return stop(self)

    monkeypatch.setattr(processes.RunProcesses, "stop", stop_while_interrupted)
    with pytest.raises(signals.Stopped) as stopped, signals.signals_stop():
        run(
            tmp_path, FAMILY + "\n    time.sleep(300)",
            on_line=lambda line: lines.append(line) or os.kill(os.getpid(), signal.SIGTERM),
        )  # fmt: skip
    assert stopped.value.code == 128 + signal.SIGTERM
    assert len(pids(lines)) == 2 and living(pids(lines)) == [] and not (tmp_path / "id").exists()


def test_what_a_killed_quickstart_left_is_stopped_at_the_next_start(tmp_path):
    """kill -9 of the quickstart itself: nobody is left to clean up, only the file that names the run."""
    script = f"""
        import os, sys
        from pathlib import Path
        from recipe.mrpo.common import signals
        from recipe.mrpo.quickstart import processes
        from recipe.mrpo.quickstart import run as bounded
        out = Path({str(tmp_path)!r})
        bounded.run([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"], log=out / "log",
                    env=os.environ, timeout=300, run_id_file=out / "id", on_line=lambda line: os.kill(os.getpid(), 9))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    run_id = (tmp_path / "id").read_text()
    folder = bounded.ray_folder(run_id)
    folder.mkdir()
    left = processes.RunProcesses(run_id).find()
    assert len(left) == 1
    assert bounded.clean_up_previous(tmp_path / "id") == 1
    assert living([p.pid for p in left]) == []
    assert not folder.exists() and not (tmp_path / "id").exists()
    assert bounded.clean_up_previous(tmp_path / "id") == 0, "nothing to do the second time"


def test_another_run_is_left_alone(tmp_path):
    other = subprocess.Popen(["sleep", "60"], env=os.environ | {processes.RUN_ID: "other"}, start_new_session=True)
    try:
        run(tmp_path, "print('done')")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("damaged", ["", "../../etc", "a/b"])
def test_a_damaged_file_of_a_previous_run_deletes_nothing_else(tmp_path, monkeypatch, damaged):
    monkeypatch.setattr(bounded.shutil, "rmtree", lambda *args, **kwargs: pytest.fail(f"removes {args}"))
    (tmp_path / "id").write_text(damaged)
    assert bounded.clean_up_previous(tmp_path / "id") == 0


def test_peak_memory_counts_all_processes_together(tmp_path, monkeypatch):
    """The command holds its memory until a measurement has begun and ended while it did."""
    ready, measured, measure = threading.Event(), tmp_path / "measured", processes.RunProcesses.peak_memory

    def measure_and_tell(self):
        counts = ready.is_set()
        peak = measure(self)
        if counts:
            measured.touch()
        return peak

    monkeypatch.setattr(processes.RunProcesses, "peak_memory", measure_and_tell)
    child = "x = bytearray(80_000_000); print(flush=True); input()"
    done = run(
        tmp_path,
        f"""
        import pathlib, subprocess, sys, time
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ps = [subprocess.Popen([sys.executable, "-c", {child!r}], **pipes) for _ in range(2)]
        [p.stdout.readline() for p in ps]
        print("ready", flush=True)
        while not pathlib.Path({str(measured)!r}).exists():
            time.sleep(0.02)
        [p.communicate(b"\\n") for p in ps]
        """,
        on_line=lambda line: ready.set(),
    )
    assert 160e6 < done.peak_memory_bytes < 400e6


def test_rays_folder_goes_and_its_logs_stay_only_after_a_failure(tmp_path):
    code = """
        import os, pathlib, sys
        logs = pathlib.Path(os.environ["RAY_TMPDIR"]) / "ray" / "session_latest" / "logs"
        logs.mkdir(parents=True)
        (logs / "raylet.out").write_text("why")
        print(os.environ["RAY_TMPDIR"])
        sys.exit({})
    """
    for exit_code in (0, 1):
        lines = []
        run(tmp_path, code.format(exit_code), on_line=lines.append)
        assert not Path(lines[0]).exists()
        assert (tmp_path / "ray_logs" / "raylet.out").exists() == bool(exit_code)
