"""What a module has is read from its source, and a difference to what is expected is a sentence."""

from __future__ import annotations

import sys

import pytest

from recipe.mrpo.common.source import difference, module_file

SOURCE = """
import os.path
from json import dumps as to_text
try:
    from absent import fast
except ImportError:
    fast = None
LIMIT: int = 3

def plain(a, b=1): ...
async def waits(a, *, key, other=2): ...
def anything(a, *args, **kwargs): ...

class Box:
    size = 1
    def open(self, hand, force=False): ...
    def fill(self, what, how): ...
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """A package on the path that must not be imported."""
    package = tmp_path / "never_imported" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "never_imported" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "part.py").write_text(f"raise RuntimeError('imported')\n{SOURCE}")
    monkeypatch.syspath_prepend(tmp_path)
    return "never_imported.inner.part"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("", None),
        (":plain", None),
        (":plain(a, b)", None),
        (":plain(a)", None),  # b has a default
        (":plain(b)", "takes (a, b=1), not (b)"),
        (":plain(a, c)", "takes (a, b=1), not (a, c)"),
        (":waits(a, *, key)", None),
        (":waits(a)", "takes (a, *, key, other=2), not (a)"),  # key must be given
        (":waits(a, *args)", None),
        (":waits(a, *, word)", "not (a, *, word)"),
        (":anything(a, *, word)", None),
        (":LIMIT", None),
        (":LIMIT()", "is not a function"),
        (":to_text", None),
        (":os", None),
        (":fast", None),
        (":absent", "has no absent"),
        (":Box.size", None),
        (":Box.open(self, hand)", None),
        (":Box.fill(self, what)", "takes (self, what, how), not (self, what)"),
        (":Box.shut(self)", "has no Box.shut"),
        (":Bag.open(self)", "has no Bag"),
        (":plain.inner", "has no plain.inner"),
    ],
)
def test_a_difference_is_told_and_nothing_is_imported(module, wanted, says):
    found = difference(f"{module}{wanted}")
    assert found is None if says is None else (found is not None and says in found)
    assert "never_imported" not in sys.modules


@pytest.mark.parametrize("name", ["never_imported.inner.lost", "never_imported.lost.part", "no_such_package.part"])
def test_a_module_that_is_not_there_is_told(module, name):
    assert difference(f"{name}:x") == f"there is no module {name}"


def test_a_module_without_source_counts_as_absent():
    assert module_file("sys") is None and module_file("math") is None
