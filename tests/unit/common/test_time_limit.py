"""Code of a user's own comes back in time, or is left behind and counted."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from recipe.mrpo.common.time_limit import MOST_LEFT_BEHIND, LimitedCalls, TookTooLong

LIMITS_S = (0.05, 0.5, 5, 50)
"""One after the other, until a thread has begun in time: on a busy machine that may take a while."""


def test_a_result_and_an_error_are_those_of_the_function_and_a_thread_is_used_again():
    calls, threads = LimitedCalls(), set()

    def here(value):
        threads.add(threading.current_thread())
        return value / value

    assert [calls(here, n, limit_s=10) for n in (1, 2, 3)] == [1, 1, 1]
    with pytest.raises(ZeroDivisionError) as caught:
        calls(here, 0, limit_s=10)
    assert len(threads) == 1 and threading.main_thread() not in threads
    assert caught.traceback[-1].name == "here", "the log shows where the user's code raised"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_exit_in_the_function_reaches_the_caller_and_ends_no_thread(error):
    def leave():
        raise error

    calls = LimitedCalls()
    for _ in range(2):
        with pytest.raises(type(error)):
            calls(leave, limit_s=10)


def test_without_a_limit_the_function_runs_here():
    assert LimitedCalls()(threading.current_thread, limit_s=0) is threading.current_thread()


@pytest.mark.parametrize("spin", [False, True])
def test_a_call_that_never_comes_back_is_left_behind_and_says_where_it_is(spin):
    over = threading.Event()

    def never():
        while not over.is_set():
            if not spin:
                over.wait()

    for limit_s in LIMITS_S:
        with pytest.raises(TookTooLong, match=f"no result after {limit_s:g} s") as caught:
            LimitedCalls()(never, limit_s=limit_s)
        if "in never" in caught.value.place:
            break
    over.set()
    assert "in never" in caught.value.place


def test_so_many_calls_are_left_behind_and_no_more_until_one_comes_back():
    over, begun, calls = threading.Event(), [], LimitedCalls()

    def slow():
        begun.append(1)
        over.wait()

    for number in range(MOST_LEFT_BEHIND + 3):
        says = "no result after" if number < MOST_LEFT_BEHIND else f"{MOST_LEFT_BEHIND} earlier calls"
        with pytest.raises(TookTooLong, match=says):
            calls(slow, limit_s=LIMITS_S[0])
    deadline = time.monotonic() + 300
    while len(begun) < MOST_LEFT_BEHIND and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(begun) == MOST_LEFT_BEHIND
    over.set()
    for _ in range(100):  # the threads say so themselves that they are back
        try:
            assert calls(lambda: 5, limit_s=10) == 5
            return
        except TookTooLong:
            time.sleep(0.05)
    pytest.fail("no call is made although the others are back")


def test_many_callers_at_once_get_their_own_results():
    calls, results = LimitedCalls(), {}

    def ask(number):
        results[number] = calls(lambda: (time.sleep(0.001), number)[1], limit_s=30)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: n for n in range(200)}


def test_what_is_left_behind_keeps_no_process_from_ending():
    code = (
        "import threading; from recipe.mrpo.common.time_limit import LimitedCalls, TookTooLong\n"
        "try: LimitedCalls()(threading.Event().wait, limit_s=0.05)\n"
        "except TookTooLong: print('left')"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=300, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "left"), done.stderr
