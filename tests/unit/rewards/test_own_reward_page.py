"""The rewards of docs/own_parts.md, taken out of the page and built as its command says."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import Row
from reward_fns.build import labels_are_read

PAGE = (Path(__file__).parents[3] / "docs" / "own_parts.md").read_text()
SECTION = PAGE[PAGE.index("## Your own reward") : PAGE.index("## Your own judge")]
ROW = Row.of("left lung", {"gold_reasoning": "An opacity is seen.", "question": "Where?"})


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    (command,) = re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
    (folder / "my_rewards.py").write_text(code)
    words = [word[1:] for word in shlex.split(command.replace("\\\n", " ")) if word.startswith("+mrpo.")]
    assert len(words) == 5
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Scorer(load_options(OmegaConf.from_dotlist(words).mrpo))
    sys.modules.pop("my_rewards", None)


@pytest.mark.parametrize(
    ("answer", "labels", "short", "late"),
    [
        ("left lung", (1, 0, 1), 1.0, 1 / 3),
        ("left lung", None, 1.0, None),
        ("a b c d e f g", (1, 1, 1), 0.6, 1.0),
        ("a b c d e f g h i j k", (0, 1, 1), 0.0, 0.0),
    ],
)
def test_the_examples_of_the_page_reward_a_rollout(scorer, answer, labels, short, late):
    text = f"<think>It is dense. It is big. It is left.</think><answer>{answer}</answer>"
    values = scorer.finish(scorer.begin(text, ROW), labels, None).values
    assert values["short_answer"] == pytest.approx(short) and values["late_error"] == pytest.approx(late)
    assert scorer.weights["short_answer"] == 0.2


def test_one_of_them_reads_no_labels_and_the_other_does(scorer):
    by_name = {reward.name: reward for reward in scorer.rewards}
    assert not labels_are_read([by_name["short_answer"]]) and labels_are_read([by_name["late_error"]])
