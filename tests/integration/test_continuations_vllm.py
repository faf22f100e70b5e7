"""A real vLLM server continues the rollouts of a real run (`mrpo.judge.name=continuations`); it serves the tiny policy.

The labels, and the advantages that follow from them, are recomputed from the dump by their formulas alone.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import assets, rl_run
from tests.integration.test_judge_vllm import PATIENT, requests_served, vllm_server

pytestmark = [pytest.mark.verl, pytest.mark.slow]

N, MAX_DROP = 2, 0.25
SMALL = (
    f"++mrpo.judge.continuations.n={N}",
    "++mrpo.judge.continuations.min_known=1",
    f"++mrpo.judge.continuations.max_drop={MAX_DROP}",
    "++mrpo.judge.continuations.max_tokens=96",
    "++mrpo.judge.continuations.cut_off=wrong",
    "data.train_batch_size=2",
    "actor_rollout_ref.rollout.n=4",
)


def labels_by_hand(counts: list[list[int]]) -> list[int]:
    """v_k >= v_{k-1} - max_drop, multiplied out: no share is rounded."""
    cents = round(100 * MAX_DROP)
    return [
        int(100 * after * known_before >= (100 * before - cents * known_before) * known_after)
        for (before, known_before), (after, known_after) in pairwise(counts)
    ]


def test_labels_by_continuations_of_a_real_server_reach_the_actor(tmp_path):
    with vllm_server(assets("qwen2_5_vl").model, tmp_path) as url:
        judge = {"JUDGE_NAME": "continuations", "JUDGE_BASE_URL": url, "JUDGE_MODEL": "judge"}
        run = rl_run("qwen2_5_vl", "mrpo", tmp_path / "run", steps=1, more=(*SMALL, PATIENT), **judge)
        served = requests_served(url)
    records = [row["mrpo"] for row in run.rollouts(1)]
    with_steps = [record for record in records if record["steps"]]
    assert len(records) == 8 and with_steps
    for record in with_steps:
        cost, counts = record["judge"], record["judge"]["right_of_known"]
        assert cost["continuations"] == cost["calls"] - cost["retries"] == N * (len(record["steps"]) + 1)
        assert cost["unknown_continuations"] == cost["continuations"] - sum(known for _, known in counts)
        assert record["judge_status"] == "ok" and record["labels"] == labels_by_hand(counts)
        assert cost["prompt_tokens"] > 0 and cost["completion_tokens"] > 0
    assert deviation(run.rollouts(1), "mrpo") < 1e-4
    metrics = run.metrics()[1]
    assert metrics["mrpo/judge/continuations_total"] == sum(r["judge"]["continuations"] for r in with_steps)
    assert sum(r["judge"]["calls"] for r in with_steps) == served
    assert "continuations of each prefix. At the longest prompt and response" in run.log.read_text()
