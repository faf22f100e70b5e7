"""math-verify on any text: bounded in time and memory, from any thread, and never code."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reward_fns.answer import sandbox as math_worker
from reward_fns.answer.sandbox import MathWorker

pytestmark = pytest.mark.long


@pytest.fixture
def worker(request):
    made = MathWorker(timeout_s=getattr(request, "param", 30.0))  # a busy machine is no reason to be wrong
    yield made
    made.close()


# prediction, gold, accepted, reason
TABLE = [
    ("4", "4", True, "a number"),
    ("There are 4 lesions in the liver", "4", True, "in a sentence"),
    ("5", "4", False, "another number"),
    (r"so $\frac{2}{4}$", "0.5", True, "LaTeX"),
    ("left lung", "4", False, "no number"),
    ("4", "left lung", False, "no number in the gold answer"),
    ("", "", False, "nothing"),
    ("\ud800 4\n\n4", "4", True, "a lone surrogate and line ends"),
    ("9" * 70000, "4", False, "more than a pipe holds"),
]


@pytest.mark.parametrize(("prediction", "gold", "accepted", "reason"), TABLE)
def test_it_says_what_math_verify_says(worker, prediction, gold, accepted, reason):
    assert worker.accepts(prediction, gold) is accepted, reason


HOSTILE = [
    ("9**9**9**9", "a tower of powers, which no signal interrupts"),
    (r"$9^{9^{9^{9}}}$", "the same in LaTeX"),
    ("$99999999!$", "a factorial"),
    ("$" + "(" * 400 + "1" + ")" * 400 + "$", "brackets that the grammar backtracks over"),
]


def hostile_then_plain(limit_s: float, prediction: str) -> tuple[list[bool], float]:
    """Both comparisons of one worker in a thread, and the seconds of the first."""
    worker = MathWorker(timeout_s=limit_s)
    worker.start()
    found: list[bool] = []
    took: list[float] = []

    def work():
        started = time.monotonic()
        found.append(worker.accepts(prediction, "1"))
        took.append(time.monotonic() - started)
        found.append(worker.accepts("2", "2"))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=300)
    worker.close()
    return found, took[0]


@pytest.mark.parametrize(("prediction", "reason"), HOSTILE)
def test_a_hostile_text_is_ended_from_any_thread_and_the_next_is_compared(prediction, reason):
    found, took = hostile_then_plain(2.0, prediction)
    if found == [False, False]:  # on a busy machine a new process may need longer than that to start and compare
        found, took = hostile_then_plain(30.0, prediction)
    assert found == [False, True], reason
    assert took < 90  # without a limit it takes for ever


def test_what_a_model_writes_is_never_run(worker, tmp_path):
    touched = tmp_path / "touched"
    code = f"__import__('pathlib').Path({str(touched)!r}).touch()"
    for prediction in (code, f"${code}$", f"1+{code}", f"4 = {code}", f"\\boxed{{{code}}}"):
        worker.accepts(prediction, "1")
    assert not touched.exists()


def test_threads_share_one_worker(worker):
    pairs = [(f"there are {i} of them", str(i + i % 2)) for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: worker.accepts(*pair), pairs))
    assert found == [i % 2 == 0 for i in range(60)]


def test_its_process_ends_with_it_and_a_lost_one_is_replaced(worker):
    worker.start()
    first = worker._process
    first.kill()
    first.wait()
    assert worker.accepts("4", "4") and worker._process.pid != first.pid
    last = worker._process
    worker.close()
    assert last.returncode is not None
    assert worker.accepts("4", "4"), "closed is not broken"


class InterruptedOnce:
    """A stream whose first read is interrupted."""

    def __init__(self, stream):
        self._stream = stream
        self._interrupted = False

    def readline(self):
        if not self._interrupted:
            self._interrupted = True
            raise KeyboardInterrupt
        return self._stream.readline()

    def close(self):
        self._stream.close()


def test_an_interrupted_comparison_leaves_no_reply_for_the_next(worker):
    worker.start()
    worker._process.stdout = InterruptedOnce(worker._process.stdout)
    with pytest.raises(KeyboardInterrupt):
        worker.accepts("4", "4")
    assert [worker.accepts(number, "4") for number in ("5", "4", "5")] == [False, True, False]


def test_an_interrupted_start_leaves_no_reply_for_the_next(worker, monkeypatch):
    popen = math_worker.subprocess.Popen

    def interrupted(*args, **kwargs):
        process = popen(*args, **kwargs)
        process.stdout = InterruptedOnce(process.stdout)
        return process

    monkeypatch.setattr(math_worker.subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.start()
    monkeypatch.undo()
    assert [worker.accepts(number, "4") for number in ("5", "4")] == [False, True]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the very thing that is tested
def test_a_fork_while_a_thread_compares_has_a_worker_of_its_own(worker):
    worker.start()
    with worker._lock:  # as another thread would hold it
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)  # a deadlock ends the copy
            right = False
            try:
                right = worker.accepts("4", "4") and not worker.accepts("5", "4")
            finally:
                os._exit(0 if right else 1)  # whatever happens, the copy runs no further test
    assert worker.accepts("4", "4") and not worker.accepts("5", "4")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_process_that_cannot_start_is_an_error_and_no_wrong_answer(monkeypatch):
    monkeypatch.setattr(math_worker.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"did not start .* mrpo\.rewards\.answer\.compat=none"):
        MathWorker(timeout_s=0.5).accepts("4", "4")


def test_the_process_sees_no_key(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-secret")
    worker = MathWorker(timeout_s=5)
    try:
        assert worker.accepts("$4$", "4")
        seen = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    finally:
        worker.close()
    assert b"PATH=" in seen and b"sk-secret" not in seen
