"""Signals become exceptions inside a block, and the handlers from before come back."""

from __future__ import annotations

import os
import signal

import pytest

from recipe.mrpo.common.signals import STOP_SIGNALS, Stopped, signals_stop


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_a_signal_raises_with_its_name_and_exit_status(number, name):
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with pytest.raises(Stopped, match=f"^{name}$") as caught, signals_stop():
        os.kill(os.getpid(), number)
    assert caught.value.code == 128 + number
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_an_ignored_signal_stays_ignored_where_handlers_are_kept():
    """nohup starts a process with SIGHUP ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_stop((signal.SIGTERM, signal.SIGHUP), keep_handlers=True):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
