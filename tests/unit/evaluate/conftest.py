"""The judge's fixtures serve here too."""

from tests.unit.judge.conftest import asked, options_of, request_of  # noqa: F401
