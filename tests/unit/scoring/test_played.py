"""Reward hacking: docs/judge.md shows the reward of such rollouts under the offline judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipe.mrpo.scoring.offline import compute_score
from tests.unit.scoring.played import EXTRA, GOLD, HONEST, PLAYED

PAGE = (Path(__file__).parents[3] / "docs" / "judge.md").read_text()
SECTION = PAGE[PAGE.index("## Reward hacking") : PAGE.index("## Your own judge or rubric")]
ROWS = dict(re.findall(r"^\| ([^|]+?) \| (\d\.\d\d \| \d\.\d\d) \|", SECTION, re.MULTILINE))


def score(text, **options):
    return compute_score("vqa", text, GOLD, EXTRA, **options)


@pytest.mark.parametrize("name", PLAYED)
def test_the_page_says_what_a_played_rollout_earns(name):
    got = score(PLAYED[name])
    assert ROWS[name] == f"{got['reward/process']:.2f} | {got['score']:.2f}"


def test_every_row_of_the_page_is_tried():
    assert set(ROWS) == set(PLAYED)


@pytest.mark.parametrize("name", [name for name in PLAYED if name.startswith("three answers")])
def test_several_answer_blocks_cost_what_the_format_reward_weighs(name):
    plain, weighed = (score(PLAYED[name], mrpo={"rewards": {"format": {"weight": w}}}) for w in (0.0, 1.0))
    one_block = score(PLAYED[name].replace("<answer>left</answer><answer>lung</answer>", ""),
                      mrpo={"rewards": {"format": {"weight": 1.0}}})  # fmt: skip
    assert weighed["score"] == plain["score"] == one_block["score"] - 1.0


def test_no_wrong_rollout_earns_as_much_as_an_honest_right_one():
    honest = score(PLAYED[HONEST])["score"]
    assert all(score(text)["score"] < honest for text in PLAYED.values() if score(text)["acc"] == 0)
