"""The examples in the docstrings of the room say what the code does."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from recipe.mrpo import rollout

MODULES = [found.name for found in pkgutil.iter_modules(rollout.__path__)]
WITH_EXAMPLES = {"parsing", "steps", "rule_splitter", "first_failure"}


@pytest.mark.parametrize("name", MODULES)
def test_every_example_in_a_docstring_is_true(name):
    result = doctest.testmod(importlib.import_module(f"recipe.mrpo.rollout.{name}"))
    assert result.failed == 0
    assert (result.attempted > 0) >= (name in WITH_EXAMPLES)


def test_the_room_lists_each_of_its_files_once():
    listed = [line.split()[0] for line in rollout.__doc__.splitlines()[1:] if line.strip()]
    assert sorted(listed) == sorted(f"{name}.py" for name in MODULES)
