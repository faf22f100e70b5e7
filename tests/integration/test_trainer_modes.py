"""Step credit in verl's other ways to run: more ranks, colocated and separate asynchronous rollouts."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.dumps import advantage_columns
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit, mrpo_advantage
from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import ScriptRun, rl_run

pytestmark = [pytest.mark.verl, pytest.mark.slow]

STEPS = 3


def in_one_process(rows: list[dict], order: list[int]) -> list[dict]:
    """Advantages of a dump's rollouts from one call of the estimator, the rows in another order."""
    names = {field.name for field in dataclasses.fields(RolloutRecord)}
    records = [RolloutRecord(**{k: v for k, v in rows[i]["mrpo"].items() if k in names}) for i in order]
    width = max(record.response_tokens for record in records)
    mask = (torch.arange(width) < torch.tensor([[r.response_tokens] for r in records])).long()
    options = load_options({})
    token = CREDIT.set(StepCredit(records=records, options=options, norm_by_std=True, use_kl_in_reward=False))
    try:
        groups = np.array([rows[i]["uid"].rsplit("_", 2)[0] for i in order], dtype=object)
        advantages, _ = mrpo_advantage(torch.zeros(mask.shape), mask, groups)
    finally:
        CREDIT.reset(token)
    out: list[dict] = [{}] * len(rows)
    for place, i in enumerate(order):
        out[i] = advantage_columns(records[place], advantages[place].tolist(), mask[place].tolist())
    return out


def shaped(run: ScriptRun, steps: int) -> list[list[dict]]:
    """Dumped rollouts of each step, after the checks that hold in every mode."""
    every = [run.rollouts(step) for step in range(1, steps + 1)]
    for rows in every:
        assert rows
        assert all(row["mrpo"] is not None for row in rows)
        assert deviation(rows, "mrpo") < 1e-4
    metrics = run.metrics()
    assert min(metrics[s]["training/rollout_actor_probs_pearson_corr"] for s in range(1, steps + 1)) >= 0.99
    assert any(metrics[s]["mrpo/tokens/down"] > 0 for s in range(1, steps + 1))
    return every


def test_two_ranks_give_the_advantages_of_one(tmp_path):
    """FSDP2 over gloo with two rollout servers; one process computes the same from the same rollouts, in any order."""
    run = rl_run("qwen2_5_vl", "mrpo", tmp_path, steps=2, N_GPUS="2")
    for rows in shaped(run, 2):
        order = random.Random(0).sample(range(len(rows)), len(rows))
        for row, alone in zip(rows, in_one_process(rows, order), strict=True):
            # One float32 step apart at most: sums of a group in another order.
            assert row["mrpo"]["advantage"] == pytest.approx(alone["advantage"], rel=2e-7)
            assert row["mrpo"]["step_advantages"] == pytest.approx(alone["step_advantages"], rel=2e-7)


@pytest.mark.parametrize("mode", ["colocate_async", "separate_async"])
def test_asynchronous_rollouts_keep_their_step_credit(mode, tmp_path):
    run = rl_run("qwen2_5_vl", "mrpo", tmp_path, steps=STEPS, TRAINER_MODE=mode)
    shaped(run, STEPS)
