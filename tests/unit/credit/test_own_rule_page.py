"""The worked example of docs/own_parts.md, "Your own shaping rule", as a user would run it: a file and an option."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.credit.shaping.contract import check_shaping
from recipe.mrpo.credit.shaping.registry import SHAPINGS
from recipe.mrpo.options.tree import load_options, shaping_options

PAGE = Path(__file__).parents[3] / "docs" / "own_parts.md"


@pytest.fixture
def rules(tmp_path, monkeypatch) -> str:
    """The file of the page, as `folder/file.py`."""
    section = PAGE.read_text().split("## Your own shaping rule")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    monkeypatch.setattr(SHAPINGS, "_known", dict(SHAPINGS._known))
    (tmp_path / "my_rules.py").write_text(code)
    return f"{tmp_path}/my_rules.py"


@pytest.mark.parametrize(("given", "strength"), [({}, 1.0), ({"shaping_options": {"strength": 2.0}}, 2.0)])
def test_the_example_runs_with_its_option(rules, given, strength):
    options = load_options({"shaping": f"{rules}:last_error", **given})
    check_shaping(options.shaping, **shaping_options(options))
    shaping = get_shaping(options.shaping)
    named = rule_options(options.shaping, shaping, **shaping_options(options))
    out = shape_steps(
        options.shaping, shaping, torch.tensor([-0.5, 1.0]), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        torch.tensor([3, 3]), torch.tensor([True, False]), groups=[0, 0], **named,
    )  # fmt: skip
    assert out.tolist() == [[-0.5, -0.5, -strength * 0.5], [1.0, 1.0, 1.0]]


def test_the_example_is_known_by_its_bare_name_once_it_is_imported(rules):
    own = get_shaping(f"{rules}:last_error")
    assert get_shaping("last_error") is own
    load_options({"shaping": "last_error"})
