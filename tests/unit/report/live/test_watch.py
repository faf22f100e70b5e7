"""`mrpo watch`: a growing job is read as far as it is written, and what it holds is data."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recipe.mrpo.report.live.follow import Follower
from recipe.mrpo.report.live.state import JobState
from recipe.mrpo.report.live.view import duration, sparkline, view
from recipe.mrpo.report.watch import main
from tests.unit.report.test_explain import row

ROOT = Path(__file__).parents[4]


def shown(state: JobState, *, total_steps=None, rollouts=3, width=160) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(
        view(state, total_steps=total_steps, rollouts=rollouts, age_s=5.0)
    )
    return out.getvalue()


def metrics(folder: Path, *steps: tuple[int, dict]) -> Path:
    file = folder / "metrics" / "1.jsonl"
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as out:
        for step, data in steps:
            out.write(json.dumps({"step": step, "data": data}) + "\n")
    return file


@given(cuts=st.lists(st.integers(0, 200), max_size=8), values=st.lists(st.text(max_size=5), min_size=1, max_size=6))
def test_whatever_the_moment_of_a_look_every_row_is_read_once_and_whole(tmp_path_factory, cuts, values):
    file = tmp_path_factory.mktemp("follow") / "a.jsonl"
    data = b"".join(json.dumps({"v": v}, ensure_ascii=False).encode() + b"\n" for v in values)
    follower, found, at = Follower(file), [], 0
    for cut in [*sorted(min(c, len(data)) for c in cuts), len(data)]:
        with file.open("ab") as out:
            out.write(data[at:cut])
        at = max(at, cut)
        found += [r["v"] for r in follower.new_rows()]
    assert found == values and follower.bad == 0


def test_a_file_that_is_not_there_yet_or_was_made_anew_is_read_from_its_beginning(tmp_path):
    file = tmp_path / "a.jsonl"
    follower = Follower(file)
    assert list(follower.new_rows()) == []
    file.write_text('{"a": 1}\n{"a": 2}\n')
    assert len(list(follower.new_rows())) == 2
    file.unlink()
    file.write_text('{"a": 3}\n')
    assert [r["a"] for r in follower.new_rows()] == [3]


def test_a_file_that_cannot_be_read_is_told_until_it_can(tmp_path):
    (tmp_path / "generations.jsonl").mkdir()  # reading it is an error for everyone, root included
    state = JobState(tmp_path)
    state.look()
    assert state.faults == ["generations.jsonl: Is a directory"] and state.faults[0] in shown(state)
    (tmp_path / "generations.jsonl").rmdir()
    (tmp_path / "generations.jsonl").write_text('{"id": "a"}\n')
    state.look()
    assert state.faults == [] and state.lines == {"generations": 1}


def test_lines_that_are_no_rows_are_counted(tmp_path):
    metrics(tmp_path, (1, {"timing_s/step": 2.0}))
    with (tmp_path / "metrics" / "1.jsonl").open("a") as out:
        out.write('nonsense\n[1]\n{"step": "x"}\n{"step": 2, "data": {"mrpo/valid_steps": NaN, "timing_s/step": 4}}\n')
    state = JobState(tmp_path)
    assert state.look() and not state.look()
    assert state.left_out == 2 and state.step == 2 and state.seconds_a_step() == 3.0
    assert "mrpo/valid_steps" not in state.metrics[2], "nan is no number"
    assert "2 lines could not be read" in shown(state)


def test_a_resumed_run_goes_on_in_another_file(tmp_path):
    metrics(tmp_path, (1, {"mrpo/valid_steps": 0.1, "timing_s/step": 1}))
    state = JobState(tmp_path)
    state.look()
    (tmp_path / "metrics" / "2.jsonl").write_text(
        '{"step": 2, "data": {"mrpo/valid_steps": 0.5, "timing_s/step": 1}}\n'
    )
    assert state.look() and state.series("mrpo/valid_steps") == [0.1, 0.5]


@pytest.mark.parametrize(
    ("total", "says"),
    [(None, "step 3 "), (3, "step 3 of 3   finished"), (33, "step 3 of 33   about 1 min left")],
)
def test_the_time_left_follows_from_the_last_steps(tmp_path, total, says):
    metrics(tmp_path, *((n, {"timing_s/step": 2.0}) for n in (1, 2, 3)))
    state = JobState(tmp_path)
    state.look()
    assert says in shown(state, total_steps=total)


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (60, "1 min"), (3599, "59 min"), (11_100, "3 h 05 min")])
def test_a_duration_is_told_in_the_unit_of_its_size(seconds, text):
    assert duration(seconds) == text


@given(st.lists(st.floats(-1e6, 1e6), max_size=200))
def test_a_sparkline_is_as_long_as_its_values_and_no_longer_than_its_width(values):
    assert len(sparkline(values)) == min(len(values), 32)


def test_the_newest_dump_takes_the_place_of_the_one_before(tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    state = JobState(tmp_path)
    (folder / "1.jsonl").write_text(json.dumps(row(0, answer=0.0, labels=[0, 1])) + "\n")
    state.look()
    assert (state.rows_step, len(state.rows)) == (1, 1)
    (folder / "2.jsonl").write_text(json.dumps(row(0, answer=1.0, labels=[1])) + '\n{"uid": "half')
    state.look()
    assert (state.rows_step, [r["mrpo"]["wrong"] for r in state.rows]) == (2, [False])


def test_an_evaluation_shows_what_is_known_and_what_failed(tmp_path):
    (tmp_path / "generations.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    lines = [{"mrpo": row(0, answer=a, labels=la)["mrpo"]} for a, la in ((1.0, [1]), (0.0, [0]), (0.0, None))]
    (tmp_path / "judgements.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"mrpo": 3}]))
    state = JobState(tmp_path)
    state.look()
    text = shown(state)
    assert "2 generations, 4 judgements" in text and "1 right, 2 wrong, 1 unknown" in text
    assert "1 failed:timeout" in text and "1 no record" in text


def test_what_a_model_writes_moves_no_cursor_and_is_no_markup(tmp_path):
    (tmp_path / "rollouts").mkdir()
    hostile = row(0, answer=0.0, labels=[0])
    hostile["mrpo"]["answer"] = "\x1b[2J[bold red]gone[/] \u202e"
    hostile["mrpo"]["case"]["question"] = "[link=http://x]y[/link]\x07"
    (tmp_path / "rollouts" / "1.jsonl").write_text(json.dumps(hostile) + "\n")
    state = JobState(tmp_path)
    state.look()
    text = shown(state)
    assert "[bold red]gone[/]" in text and "[link=http://x]y[/link]" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["{folder}", "--once"], 0, "step 1"),
        (["{folder}/nothing", "--once"], 2, "does not exist"),
        (["{folder}/metrics/1.jsonl", "--once"], 2, "is not a folder"),
        (["{folder}", "--every", "0"], 2, "--every must be above 0"),
    ],
)
def test_the_command_ends_with_a_status_and_a_sentence(tmp_path, capsys, words, status, says):
    metrics(tmp_path, (1, {"timing_s/step": 2.0}))
    try:
        found = main([word.replace("{folder}", str(tmp_path)) for word in words])
    except SystemExit as leave:
        found = leave.code
    out = capsys.readouterr()
    assert found == status and says in out.out + out.err


@pytest.mark.parametrize("sign", [signal.SIGINT])
def test_it_waits_for_a_job_that_has_not_begun_and_an_interrupt_ends_it(tmp_path, sign):
    folder = tmp_path / "later"
    command = [sys.executable, "-m", "recipe.mrpo.report.watch", str(folder), "--every", "0.05"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert "nothing has been written yet" in process.stdout.readline()
        folder.mkdir()
        metrics(folder, (7, {"timing_s/step": 2.0}))
        assert any("step 7" in line for line in iter(process.stdout.readline, ""))
        process.send_signal(sign)
        assert process.wait(timeout=300) == 0
    finally:
        process.kill()
        process.stdout.close()
