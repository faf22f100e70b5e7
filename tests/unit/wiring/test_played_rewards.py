"""Reward hacking through the class that verl looks up for reward.reward_manager.name=mrpo, with the offline judge."""

from __future__ import annotations

import pytest

from recipe.mrpo.scoring.offline import compute_score
from tests.unit.scoring.played import EXTRA, GOLD, HONEST, PLAYED

from .rollouts import run


@pytest.fixture(scope="module")
def totals(manager, row_of):
    """By name: what the manager pays, and whether it takes the answer for wrong."""
    extra = {**EXTRA, "may_leave_machine": True, "split": "train"}
    found = {name: run(manager, row_of(text, gold=GOLD, extra=extra))[1] for name, text in PLAYED.items()}
    return {name: (record.total, record.wrong) for name, record in found.items()}


def test_the_manager_pays_a_played_rollout_what_offline_scoring_does(totals):
    offline = {name: compute_score("vqa", text, GOLD, EXTRA) for name, text in PLAYED.items()}
    assert {name: total for name, (total, _) in totals.items()} == pytest.approx(
        {name: score["score"] for name, score in offline.items()}
    )
    assert {name: wrong for name, (_, wrong) in totals.items()} == {
        name: not score["acc"] for name, score in offline.items()
    }


def test_no_wrong_rollout_is_paid_as_much_as_an_honest_right_one(totals):
    honest, wrong = totals[HONEST]
    assert not wrong
    played = [total for total, wrong in totals.values() if wrong]
    assert len(played) >= 7 and max(played) < honest
