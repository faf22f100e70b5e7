"""What `startup.judge_and_rewards` refuses or says."""

from __future__ import annotations

import pytest

from recipe.mrpo.startup.prepare import prepare
from tests.unit.startup.helpers import BASE, refusal


@pytest.mark.parametrize(
    ("overrides", "said", "why"),
    [
        (("algorithm.adv_estimator=grpo",), True, "verl's estimator knows no unknown reward"),
        (("algorithm.adv_estimator=grpo", "+mrpo.rewards.process.weight=0"), False, "no reward reads labels"),
        (("algorithm.adv_estimator=mrpo", "+mrpo.shaping=none"), False, "ours leaves it out"),
        (("algorithm.adv_estimator=gdpo",), False, "so does GDPO on our rewards"),
    ],
)
def test_the_log_says_where_a_failed_judgement_would_count_as_zero(config_of, caplog, overrides, said, why):
    prepare(config_of("reward.reward_manager.name=mrpo", *overrides))
    assert ("counts the unknown reward of a failed judgement as 0" in caplog.text) is said, why


@pytest.mark.parametrize(
    ("platform", "overrides", "told"),
    [
        ("", (), True),
        ("cpu", (), False),
        ("", ("+mrpo.judge.stand_in=allow",), False),
        ("", ("+mrpo.judge.name=openai", "+mrpo.judge.openai.model=m"), False),
    ],
)
def test_a_run_on_real_weights_is_told_that_the_offline_judge_is_a_stand_in(
    config_of, caplog, monkeypatch, platform, overrides, told
):
    monkeypatch.setenv("VERL_PLATFORM", platform)
    prepare(config_of(*overrides))
    assert caplog.text.count("is a stand-in") == told


def test_a_run_may_refuse_the_stand_in(config_of, monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "")
    assert "mrpo.judge.stand_in=allow" in refusal(config_of("+mrpo.judge.stand_in=refuse"))


@pytest.mark.parametrize("estimator", ["grpo", "rloo"])
def test_rollouts_left_unjudged_are_refused_where_the_unknown_would_count_as_0(config_of, estimator):
    overrides = (
        f"algorithm.adv_estimator={estimator}",
        "reward.reward_manager.name=mrpo",
        "+mrpo.judge.ask_for=wrong_answers",
    )
    assert "mrpo.judge.ask_for=all" in refusal(config_of(*overrides, base=BASE))
    prepare(config_of(*overrides, "+mrpo.rewards.process.weight=0", base=BASE))  # then nothing is unknown
    prepare(config_of("algorithm.adv_estimator=gdpo", *overrides[1:], base=BASE))


def test_a_share_of_groups_is_refused_where_the_unknown_would_count_as_0(config_of):
    manager, share = "reward.reward_manager.name=mrpo", "+mrpo.judge.share=0.5"
    assert "mrpo.judge.share=0.5" in refusal(config_of("algorithm.adv_estimator=grpo", manager, share, base=BASE))
    prepare(config_of("algorithm.adv_estimator=gdpo", manager, share, base=BASE))
    prepare(config_of("algorithm.adv_estimator=mrpo", share, "+mrpo.shaping=none", base=BASE))
