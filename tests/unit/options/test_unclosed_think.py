"""`steps.unclosed`, the old name of `steps.unclosed_think`, works for one release and is told once."""

from __future__ import annotations

import logging

import pytest

from recipe.mrpo.options import renamed
from recipe.mrpo.options.tree import load_options


@pytest.mark.parametrize(("old", "new"), [("none", "drop"), ("keep", "keep")])
def test_the_old_name_and_its_values_still_work_with_a_warning(monkeypatch, caplog, old, new):
    monkeypatch.setattr(renamed, "_told", set())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert load_options({"steps": {"unclosed": old}}).steps.unclosed_think == new
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"mrpo.steps.unclosed={old} is now mrpo.steps.unclosed_think={new}")
