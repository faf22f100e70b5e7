"""A real verl run whose judge fails for a third of all calls: training goes on, and nobody is punished for it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.fake_judge_server import FakeJudgeServer

from .verl_run import Run, make_assets

pytestmark = pytest.mark.verl

STEPS = 2
FAULTS = {"http_500": 0.12, "hang": 0.08, "prose": 0.14}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    make_assets()
    with FakeJudgeServer(faults=FAULTS, seed=3) as server:
        judge = {
            "name": "openai",
            "openai.base_url": server.base_url,
            "openai.model": "fake",
            "openai.timeout_s": 8,
            "openai.max_retries": 0,  # then each failed call is one failed judgement, and counts can be compared
        }
        one = Run(
            tmp_path_factory.mktemp("judge_faults"),
            steps=STEPS,
            overrides={f"+mrpo.judge.{name}": value for name, value in judge.items()}
            | {"trainer.val_before_train": False, "trainer.test_freq": -1, "trainer.save_freq": -1},
        )
        one.finished = one.go(timeout=500)
        one.server = server
    assert one.finished.exit_code == 0, one.tail()
    one.rows = [row for step in range(1, STEPS + 1) for row in one.rollouts(step)]
    return one


def statuses(rows) -> Counter:
    return Counter(row["mrpo"]["judge_status"] for row in rows)


def total(run, name: str) -> float:
    return sum(values[f"mrpo/judge/{name}"] for values in run.metrics().values() if f"mrpo/judge/{name}" in values)


def test_training_went_on_through_every_step(run):
    assert [step for step, values in run.metrics().items() if "mrpo/wrong_answers" in values] == [1, 2]
    assert len(run.rows) == STEPS * 4 * 8  # no rollout was dropped
    served = run.server.served
    assert served["http_500"] and served["hang"] and served["prose"] and served["ok"]


def test_every_failure_is_counted_once_and_under_its_name(run):
    served, found = run.server.served, statuses(run.rows)
    assert found["failed:http_500"] == served["http_500"]
    assert found["failed:timeout"] == served["hang"]
    failed = sum(count for status, count in found.items() if status.startswith("failed"))
    # A reply in prose is asked for once more: a failure is two of them in a row, or one and then another fault.
    assert failed - served["http_500"] - served["hang"] <= served["prose"] / 2
    assert total(run, "failures_total") == failed
    assert total(run, "calls_total") == len(run.server.requests) == sum(served.values())


def test_no_rollout_without_a_judgement_got_a_process_reward(run):
    failed = [row["mrpo"] for row in run.rows if row["mrpo"]["judge_status"].startswith("failed")]
    assert failed
    for record in failed:
        assert record["rewards"]["process"] is None and record["labels"] is None
    others = [row["mrpo"] for row in run.rows if row["mrpo"]["judge_status"] == "ok"]
    assert others and all(record["rewards"]["process"] is not None for record in others)


def test_no_rollout_without_a_judgement_was_shaped_and_others_were(run):
    shaped = 0
    for record in (row["mrpo"] for row in run.rows):
        steps = [a for a in record["step_advantages"] if a is not None]
        if record["labels"] is None:
            assert len({*steps, record["advantage"]} - {None}) <= 1
        elif record["wrong"] and record["advantage"]:
            for label, a in zip(record["labels"], record["step_advantages"], strict=True):
                assert a is None or (a > 0) == bool(label)
            shaped += len(set(steps)) > 1
    assert shaped


def test_a_group_is_compared_without_the_process_rewards_that_are_not_known(run):
    """A_i of every rollout once more, from the dump, by the formula, the unknown ones at their group's mean."""
    groups: dict[tuple, list[dict]] = {}
    for row in run.rows:
        groups.setdefault((row["step"], row["uid"].rsplit("_", 2)[0]), []).append(row["mrpo"])
    with_failures = 0
    for records in groups.values():
        known = [r["rewards"]["process"] for r in records if r["rewards"]["process"] is not None]
        with_failures += 0 < len(known) < len(records)
        mean = np.mean(known) if known else 0.0
        total = []
        for r in records:
            values = r["rewards"] | {"process": mean if r["rewards"]["process"] is None else r["rewards"]["process"]}
            total.append(sum(r["weights"][name] * value for name, value in values.items()))
        total = np.array(total)
        expected = (total - total.mean()) / (total.std(ddof=1) + 1e-4)
        for record, a in zip(records, expected, strict=True):
            if record["advantage"] is not None:
                assert record["advantage"] == pytest.approx(a, abs=1e-4)
    assert with_failures
