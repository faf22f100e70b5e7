"""The examples in the docstrings of the room are right."""

from __future__ import annotations

import doctest

import pytest

from recipe.mrpo.common import printable
from recipe.mrpo.endpoint import request, thoughts, untrusted_json


@pytest.mark.parametrize("module", [printable, request, thoughts, untrusted_json], ids=lambda module: module.__name__)
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
