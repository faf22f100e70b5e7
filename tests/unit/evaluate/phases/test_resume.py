"""A killed or interrupted evaluation goes on where it was, and says in the end what an undisturbed one says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recipe.mrpo.evaluate.phases.generate import GENERATIONS
from recipe.mrpo.evaluate.phases.judge import JUDGEMENTS
from tests.unit.evaluate.phases.data import row, write
from tests.unit.evaluate.phases.results import figures, lines, newest

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.long


@pytest.fixture
def command(tmp_path, server):
    """command(words…): the evaluation of 12 questions as a process, one request at a time."""
    data = write(tmp_path / "test.parquet", [row(n) for n in range(12)])

    def words(out: str, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "recipe.mrpo.evaluate", "--base-url", server.url, "--model", "m", "--data", str(data),
            "--out", str(tmp_path / out), "--concurrency", "1", "--repeat-judge", "1", "--repeat-share", "0.5",
            "mrpo.judge.name=openai", f"mrpo.judge.openai.base_url={server.url}", "mrpo.judge.openai.model=j",
            "mrpo.judge.openai.concurrency=1", *more,
        ]  # fmt: skip

    def start(out: str, *more: str) -> subprocess.Popen:
        return subprocess.Popen(
            words(out, *more), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    return start


def whole(process: subprocess.Popen) -> str:
    said = process.communicate(timeout=900)[1]
    assert process.returncode == 0, said
    return said


def finished(out: Path) -> list:
    """[exit status, heavy modules that were imported] of an evaluation that goes on in this folder."""
    seen = (
        "import runpy, sys, json\n"
        "sys.argv = ['mrpo evaluate', '--out', sys.argv[1]]\n"
        "try:\n    runpy.run_module('recipe.mrpo.evaluate', run_name='__main__')\n"
        "except SystemExit as leave:\n"
        "    print(json.dumps([leave.code, [m for m in ('torch', 'verl', 'ray', 'vllm') if m in sys.modules]]))"
    )
    run = subprocess.run([sys.executable, "-c", seen, out], cwd=ROOT, text=True, capture_output=True, timeout=900)
    return json.loads(run.stdout.splitlines()[-1])


def wait_for_a_line(file: Path) -> None:
    """The last line of a file may be half written."""
    end = time.monotonic() + 300
    while not (file.is_file() and file.read_bytes().count(b"\n")):
        assert time.monotonic() < end, "no line was written"
        time.sleep(0.02)


def read_until(process, words: str) -> str:
    """What the process says on stderr, up to the line with these words."""
    said = ""
    while words not in said:
        line = process.stderr.readline()
        assert line, f"it ended before it said so: {said}"
        said += line
    return said


def hold(server, kind, number):
    """The server answers no request of this kind from this number on, until the returned event is set."""
    go_on = threading.Event()

    def fault(asked, body, count):
        if asked == kind and count >= number:
            go_on.wait(300)
        return None

    server.fault = fault
    return go_on


def test_killed_in_each_phase_it_goes_on_to_the_same(command, server, tmp_path):
    """Killed while answers, labels and verdicts are asked for, one after the other, in one evaluation."""
    killed = tmp_path / "killed"
    for kind, calls, name in (("generate", 4, GENERATIONS), ("judge", 6, JUDGEMENTS), ("verdict", 4, JUDGEMENTS)):
        number = server.count(kind) + calls
        held = hold(server, kind, number)
        process = command("killed")
        server.wait_for(kind, number)
        wait_for_a_line(killed / name)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
        held.set()
        assert 0 < len(lines(killed / name)) < 12
        with (killed / name).open("a") as file:
            file.write('{"id": "torn')  # as a kill within a write leaves it
    server.fault = lambda *_: None
    assert "cut off" in whole(command("killed"))
    assert server.count("generate") <= 12 + 1, "what was answered is not asked again"
    before = len(server.requests)
    whole(command("undisturbed"))
    assert len(server.requests) - before <= len(server.requests) / 2 + 6
    assert figures(killed) == figures(tmp_path / "undisturbed")
    for file in ("generations.jsonl", "judgements.jsonl"):
        assert len(lines(killed / file)) == 12, "no line was written twice"

    # and a finished one ends at once
    before = len(server.requests)
    assert finished(killed) == [0, []] and len(server.requests) == before


def test_the_first_ctrl_c_ends_it_at_a_whole_line(command, server, tmp_path):
    held = hold(server, "generate", 4)
    process = command("stopped")
    server.wait_for("generate", 4)
    process.send_signal(signal.SIGINT)
    said = read_until(process, "Once more kills it")
    held.set()
    said += process.communicate(timeout=300)[1]
    assert process.returncode == 128 + signal.SIGINT
    assert "Once more kills it" in said and "8 left" in said
    answers = lines(tmp_path / "stopped" / "generations.jsonl")
    assert len(answers) == 4 and all(a["output"] for a in answers), "the request under way was waited for"
    assert not (tmp_path / "stopped" / "judgements.jsonl").exists()
    whole(command("stopped"))
    assert len(newest(tmp_path / "stopped" / "judgements.jsonl")) == 12


def test_the_second_ctrl_c_kills_it(command, server):
    held = hold(server, "generate", 2)
    process = command("impatient")
    server.wait_for("generate", 2)
    process.send_signal(signal.SIGINT)
    read_until(process, "Once more kills it")  # the first one has been taken
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    held.set()
    assert process.returncode == -signal.SIGINT


def test_two_processes_do_not_work_on_one_folder(command, server, tmp_path):
    held = hold(server, "generate", 1)
    first = command("shared")
    server.wait_for("generate", 1)
    second = command("shared")
    said = second.communicate(timeout=300)[1]
    assert second.returncode == 1 and f"process {first.pid} works on this folder" in said
    first.kill()
    first.communicate(timeout=300)
    held.set()
