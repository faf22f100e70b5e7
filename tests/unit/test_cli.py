"""The words of the console command `mrpo`."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from recipe.mrpo import __version__
from recipe.mrpo.cli import main


def test_without_a_word_its_help_is_printed_and_nothing_was_done(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "mrpo doctor" in err and "mrpo watch" in err


def test_the_version_is_that_of_the_release(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mrpo {__version__}\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [("reprot", "did you mean mrpo report?"), ("xyz", "there are doctor, data"), ("dotcor", "doctor?")],
)
def test_a_word_that_is_not_known_is_answered_with_the_closest(capsys, word, said):
    assert main([word]) == 2
    assert said in capsys.readouterr().err


def test_a_reader_that_goes_early_ends_the_command_without_a_traceback():
    command = [sys.executable, "-m", "recipe.mrpo.cli", "methods"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE
