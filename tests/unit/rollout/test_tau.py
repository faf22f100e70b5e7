"""The threshold between a right and a wrong answer."""

from __future__ import annotations

import math

import pytest

from recipe.mrpo.rollout.record import is_wrong


@pytest.mark.parametrize(
    ("answer_reward", "tau", "wrong"),
    [
        pytest.param(0.6, 0.6, True, id="exactly tau is wrong"),
        pytest.param(math.nextafter(0.6, 1), 0.6, False, id="one bit above tau is right"),
        pytest.param(0.0, 0.6, True, id="nothing right"),
        pytest.param(1.0, 0.6, False, id="accepted by the verifier"),
        pytest.param(0.0, 0.0, True, id="tau 0: only a reward of 0 is wrong"),
        pytest.param(1.0, 1.0, True, id="tau 1: every rollout is wrong"),
    ],
)
def test_an_answer_reward_of_exactly_tau_counts_as_wrong(answer_reward, tau, wrong):
    assert is_wrong(answer_reward, tau=tau) is wrong
