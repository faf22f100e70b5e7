"""A real verl run whose judge fails for a third of all calls: training goes on, and nobody is punished for it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from tests.integration.conftest import STEPS

pytestmark = pytest.mark.verl


@pytest.fixture(scope="module")
def run(quickstarted):
    """The quickstart with a judge that fails; `rows` are rollouts of training, `judged` those of validation too."""
    rows = quickstarted.rollouts()
    return SimpleNamespace(
        server=quickstarted.server,
        metrics=quickstarted.metrics,
        rows=rows,
        judged=[*rows, *quickstarted.validations()],
    )


def statuses(rows) -> Counter:
    return Counter(row["mrpo"]["judge_status"] for row in rows)


def total(run, name: str) -> float:
    return sum(values[f"mrpo/judge/{name}"] for values in run.metrics().values() if f"mrpo/judge/{name}" in values)


def test_training_went_on_through_every_step(run):
    assert [step for step, values in run.metrics().items() if "mrpo/wrong_answers" in values] == [1, 2, 3]
    assert len(run.rows) == STEPS * 4 * 8  # no rollout was dropped
    served = run.server.served
    assert served["http_500"] and served["hang"] and served["prose"] and served["ok"]


def test_every_failure_is_counted_once_and_under_its_name(run):
    served, found = run.server.served, statuses(run.judged)
    assert found["failed:http_500"] == served["http_500"]
    assert found["failed:timeout"] == served["hang"]
    failed = sum(count for status, count in found.items() if status.startswith("failed"))
    # A reply in prose is asked for once more: a failure is two of them in a row, or one and then another fault.
    assert failed - served["http_500"] - served["hang"] <= served["prose"] / 2
    trained = statuses(run.rows)
    assert total(run, "failures_total") == sum(n for status, n in trained.items() if status.startswith("failed"))
    calls = [sum(row["mrpo"]["judge"].get("calls", 0) for row in rows) for rows in (run.rows, run.judged)]
    assert total(run, "calls_total") == calls[0]
    assert calls[1] == len(run.server.requests) == sum(served.values())


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
