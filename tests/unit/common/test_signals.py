"""Signals become exceptions inside a block, and the handlers from before come back."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from recipe.mrpo.common.signals import STOP_SIGNALS, Stopped, handlers, signals_stop, signals_wait


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_a_signal_raises_with_its_name_and_exit_status(number, name):
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with pytest.raises(Stopped, match=f"^{name}$") as caught, signals_stop():
        os.kill(os.getpid(), number)
    assert caught.value.code == 128 + number
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


@pytest.mark.parametrize("keep_handlers", [False, True])
def test_an_ignored_signal_stays_ignored(keep_handlers):
    """nohup starts a process with SIGHUP ignored; a run in the background goes on when its terminal is closed."""
    with handlers(signal.SIG_IGN, [signal.SIGHUP]), signals_stop(keep_handlers=keep_handlers):
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_the_handler_of_another_program_is_kept_where_it_is_asked_for():
    noted = []
    with handlers(lambda number, frame: noted.append(number), [signal.SIGTERM]), signals_stop(keep_handlers=True):
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [signal.SIGTERM]


def test_a_signal_waits_until_the_block_asks_for_it():
    did = []
    with pytest.raises(Stopped, match="SIGTERM"), signals_stop(), signals_wait() as check:
        check()
        os.kill(os.getpid(), signal.SIGTERM)
        did.append("after the signal")
        check()
        did.append("after the check")
    assert did == ["after the signal"]


def test_what_waits_comes_after_the_block_has_let_go_of_its_threads():
    """A second signal must not disturb the end of the threads either."""
    did = []
    with pytest.raises(Stopped, match="SIGTERM"), signals_stop(), signals_wait() as check:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            check()
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            did.append("cleaned up")
    assert did == ["cleaned up"]


def test_ctrl_c_in_a_block_that_never_asks_is_not_lost():
    before = signal.getsignal(signal.SIGINT)
    did = []
    with pytest.raises(KeyboardInterrupt), signals_wait():
        os.kill(os.getpid(), signal.SIGINT)
        did.append("the end")
    assert did == ["the end"] and signal.getsignal(signal.SIGINT) is before


def test_an_error_of_the_block_does_not_lose_the_signal():
    with pytest.raises(Stopped) as caught, signals_stop(), signals_wait():
        os.kill(os.getpid(), signal.SIGTERM)
        raise OSError("no room")
    assert isinstance(caught.value.__context__, OSError)


def test_an_ignored_signal_does_not_end_a_block():
    with handlers(signal.SIG_IGN, [signal.SIGHUP]), signals_wait() as check:
        os.kill(os.getpid(), signal.SIGHUP)
        check()


def test_a_block_that_was_left_says_so_where_the_signal_is_only_noted():
    noted = []
    with pytest.raises(Stopped), handlers(lambda number, frame: noted.append(number)), signals_wait() as check:
        os.kill(os.getpid(), signal.SIGTERM)
        check()
    assert noted == [signal.SIGTERM]


def test_another_thread_may_use_the_block():
    def work():
        with signals_wait() as check:
            check()
            return "done"

    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == "done"
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before
