"""The cost of labels by continuations stands in the log before a run begins."""

from __future__ import annotations

import logging

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.startup.continuations_cost import tell_cost

RUN = OmegaConf.create(
    {
        "data": {"train_batch_size": 8, "max_prompt_length": 1000, "max_response_length": 500},
        "actor_rollout_ref": {"rollout": {"n": 4}},
    }
)


def told(caplog, **judge):
    options = load_options({"judge": judge, "rewards": {"length": {"k_min": 4, "k_max": 9}}})
    with caplog.at_level(logging.WARNING):
        tell_cost(RUN, options)
    return [record.getMessage() for record in caplog.records]


def test_a_rollout_and_a_step_of_training_are_told_for_the_fewest_and_the_most_steps(caplog):
    """n (K + 1) calls; prompt n sum (P + R k / (K + 1)); completion n sum min(max_tokens, R (1 - k / (K + 1)))."""
    (sentence,) = told(caplog, name="continuations", openai={"model": "m"}, continuations={"n": 4, "max_tokens": 450})
    assert "a rollout of 4 steps takes 20 calls, 24,000 prompt and 5,800 completion tokens" in sentence
    assert "a rollout of 9 steps takes 40 calls, 49,000 prompt and 10,800 completion tokens" in sentence
    assert "a step of training (8 x 4 rollouts) 640 calls, 768,000 prompt and 185,600 completion tokens" in sentence


def test_with_prices_the_money_is_told(caplog):
    prices = {"prompt": 1.0, "completion": 10.0}
    (sentence,) = told(caplog, name="continuations", openai={"model": "m"}, continuations={"n": 4, "max_tokens": 450},
                       price_per_million=prices)  # fmt: skip
    assert "185,600 completion tokens, price 2.62" in sentence


@pytest.mark.parametrize("name", ["overlap", "openai"])
def test_other_judges_tell_nothing(caplog, name):
    assert told(caplog, name=name, openai={"model": "m"}) == []
