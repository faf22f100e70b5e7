"""The judge that docs/own_parts.md shows works as it stands there."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.options.tree import load_options

PAGE = Path(__file__).parents[3] / "docs" / "own_parts.md"


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n# my_judges\.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "my_judges.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_judges", None)


def judge_of(**node):
    from omegaconf import OmegaConf

    return get_judge(OmegaConf.to_container(load_options({"judge": node}).judge, resolve=True))


@pytest.mark.parametrize("where", ["my_judges:KeywordJudge", "{folder}/my_judges.py:KeywordJudge"])
def test_the_judge_of_the_page_labels_steps_and_takes_its_option(on_path, request_of, where):
    name = where.format(folder=on_path)
    request = request_of(gold_reasoning="A dense opacity.", steps=("The opacity is seen.", "It is dense."))
    judge = judge_of(name=name)
    judge.require(may_leave_machine=False)
    assert asyncio.run(judge.label(request)).labels == (1, 0), "dense is a short word"
    stricter = judge_of(name=name, options={"min_letters": 20})
    assert asyncio.run(stricter.label(request)).failure == "no_long_word"
    with pytest.raises(ValueError, match=r"mrpo\.judge\.options\.letters is not an option .* takes: min_letters"):
        judge_of(name=name, options={"letters": 5})
