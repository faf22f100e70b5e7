"""A shaping rule, a judge with an option and a reward that reads no labels, all from files outside the package."""

from __future__ import annotations

import os
import re

import pytest

from tests.integration.script_run import finite, rl_run
from tests.integration.verl_run import ROOT

pytestmark = [pytest.mark.verl, pytest.mark.slow]

STRENGTH, LETTERS = 2.0, 6
REWARD = '''
def brief(rollout, *, most=12):
    """1 if the answer has at most `most` words, else 0."""
    return float(len((rollout.prediction or "").split()) <= most)


brief.reads_labels = False
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The files of docs/own_parts.md, and a reward, in a folder of the user's own."""
    folder = tmp_path_factory.mktemp("own")
    page = (ROOT / "docs" / "own_parts.md").read_text()
    for name in ("my_rules.py", "my_judges.py"):
        (code,) = re.findall(rf"```python\n(# {re.escape(name)}\n.*?)```", page, re.DOTALL)
        (folder / name).write_text(code)
    (folder / "my_rewards.py").write_text(REWARD)
    return folder


def test_they_train_as_they_say(own, tmp_path):
    more = (
        "mrpo.shaping=my_rules:last_error",
        f"++mrpo.shaping_options.strength={STRENGTH}",
        "++mrpo.judge.name=my_judges:KeywordJudge",
        f"++mrpo.judge.options.min_letters={LETTERS}",
        "++mrpo.rewards.brief.function=my_rewards:brief",
        "++mrpo.rewards.brief.weight=0.25",
        "++mrpo.rewards.brief.most=3",
    )
    path = os.pathsep.join([str(own), os.environ.get("PYTHONPATH", "")])
    run = rl_run("qwen2_5_vl", "mrpo", tmp_path, steps=2, more=more, PYTHONPATH=path)
    metrics = run.metrics()
    assert all(finite(metrics[step]) for step in (1, 2))
    assert "mrpo/reward/brief" in metrics[1]
    records = [row["mrpo"] for step in (1, 2) for row in run.rollouts(step)]
    assert len(records) == 64
    checked = 0
    for record in records:
        assert record["rewards"]["brief"] == float(len((record["answer"] or "").split()) <= 3)
        assert record["weights"]["brief"] == 0.25
        labels = record["labels"]
        if labels is None or not record["steps"]:
            continue
        known = words(record["case"]["gold_reasoning"])
        assert labels == [int(bool(known & words(step))) for step in record["steps"]]
        if not record["advantage"]:
            continue
        last = max((k for k, label in enumerate(labels) if not label), default=None)
        for k, given in enumerate(record["step_advantages"]):
            pushed = record["wrong"] and k == last
            wanted = -STRENGTH * abs(record["advantage"]) if pushed else record["advantage"]
            if given is not None:
                assert given == pytest.approx(wanted, rel=1e-5)
                checked += pushed
    assert checked > 0, "no wrong rollout with an invalid step: the rule was not seen at work"


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) >= LETTERS}
