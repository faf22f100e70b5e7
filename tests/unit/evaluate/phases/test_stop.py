"""The first Ctrl-C in a long phase is noted and told, whatever the process does in that moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from recipe.mrpo.common.signals import STOP_SIGNALS, handlers
from recipe.mrpo.evaluate.phases.stop import Stop


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_the_first_signal_is_noted_with_a_sentence_and_the_second_has_its_default_meaning(capfd, number):
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    stop = Stop()
    with stop.listening("12 lines are kept"):
        assert not stop
        os.kill(os.getpid(), number)
        assert stop.number == number
        assert [signal.getsignal(each) for each in STOP_SIGNALS] == [signal.SIG_DFL] * len(STOP_SIGNALS)
    assert "stopping; 12 lines are kept. The same command goes on" in capfd.readouterr().err
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_a_signal_that_nohup_ignores_stays_ignored_after_the_first_ctrl_c(capfd):
    with handlers(signal.SIG_IGN, [signal.SIGHUP]):
        with Stop().listening("12 lines are kept") as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN and stop.number == signal.SIGINT
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_signal_within_a_write_to_a_terminal_that_does_not_keep_up_is_noted():
    """Python's own buffer cannot be written to within a write: `print` in the handler raised RuntimeError."""
    code = """
        import array, fcntl, os, signal, sys, termios, threading, time
        from recipe.mrpo.evaluate.phases.stop import Stop

        def interrupt():
            held, before = array.array("i", [0]), -1
            while held[0] == 0 or held[0] != before:  # until the pipe is full, and the main thread waits
                before = held[0]
                time.sleep(0.1)
                fcntl.ioctl(2, termios.FIONREAD, held)
            os.kill(os.getpid(), signal.SIGINT)
            print("sent", flush=True)

        with Stop().listening("lines are kept") as stop:
            threading.Thread(target=interrupt).start()
            sys.stderr.write("x" * 1_000_000)
            sys.stderr.flush()
        sys.exit(0 if stop.number == signal.SIGINT else 1)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )  # fmt: skip
    assert process.stdout.readline() == b"sent\n"
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said[-500:]
    assert said.replace(b"x", b"").strip().startswith(b"stopping; lines are kept") and said.count(b"x") == 1_000_000
