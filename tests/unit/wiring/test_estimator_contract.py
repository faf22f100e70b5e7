"""One contract for both estimators, called as verl calls an estimator, under every shaping rule."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from recipe.mrpo.credit.shaping.registry import BUILT_IN, get_shaping
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit, gdpo_advantage, mrpo_advantage

WIDTH = 12
CASES = [(mrpo_advantage, shaping) for shaping in BUILT_IN] + [(gdpo_advantage, "none")]


@pytest.fixture
def call(make_record):
    """call(estimator, shaping, records=None): advantages of a batch with padding, failed and equal rollouts."""
    batch = [
        make_record(answer=1.0, labels=[1, 1]), make_record(answer=0.0, labels=[0, 1, 1]),
        make_record(answer=0.2, labels=None), make_record(answer=0.5, labels=[0, 0, 0], process=None), None,
    ]  # fmt: skip

    def compute(estimator, shaping, records=batch, groups=("p", "p", "p", "p", "pad")):
        options = load_options({"shaping": shaping, "gdpo": {"final_norm": "none"}})
        lengths = [9, 12, 10, 12, 0][: len(records)]
        mask = (torch.arange(WIDTH)[None] < torch.tensor(lengths)[:, None]).to(torch.int64)
        keywords = {"token_level_rewards": torch.zeros(len(records), WIDTH), "response_mask": mask, "config": None,
                    "index": np.array(groups[: len(records)], dtype=object)}  # fmt: skip
        inspect.signature(estimator).bind(**keywords, norm_adv_by_std_in_grpo=True)
        before = {name: keywords[name].copy() if name == "index" else keywords[name].clone()
                  for name in ("token_level_rewards", "response_mask", "index")}  # fmt: skip
        token = CREDIT.set(StepCredit(records, options, norm_by_std=True, use_kl_in_reward=False))
        try:
            advantages, returns = estimator(**keywords)
        finally:
            CREDIT.reset(token)
        for name, value in before.items():
            assert (value == keywords[name]).all(), f"{name} was changed in place"
        assert torch.equal(advantages, returns)
        return advantages, mask

    return compute


@pytest.mark.parametrize(("estimator", "shaping"), CASES)
def test_advantages_are_finite_float32_and_zero_outside_the_response(call, estimator, shaping):
    advantages, mask = call(estimator, shaping)
    assert advantages.shape == mask.shape and advantages.dtype == torch.float32
    assert torch.isfinite(advantages).all()
    assert torch.count_nonzero(advantages[mask == 0]) == 0


@pytest.mark.parametrize(("estimator", "shaping"), CASES)
def test_equal_rollouts_get_zero_and_a_failed_judgement_one_advantage_on_every_token(
    call, make_record, estimator, shaping
):
    equal, _ = call(estimator, shaping, [make_record(answer=0.1, labels=[1, 0])] * 4)
    assert torch.count_nonzero(equal) == 0
    advantages, mask = call(estimator, shaping)
    compared = get_shaping(shaping).changes_right({})  # by steps, in right rollouts as well
    for row in (2,) if compared else (0, 2):  # the right rollout, and the one without labels
        assert advantages[row][mask[row] == 1].unique().numel() == 1
