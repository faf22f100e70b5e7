"""Two real verl runs with the judge's and the shaping's options, recomputed from their dumps in plain Python."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import defaultdict

import pytest

from tests.fake_judge_server import FakeJudgeServer, read_prompt
from tests.integration.verl_run import Run, make_assets

pytestmark = [pytest.mark.verl, pytest.mark.slow]

DIMENSIONS = ("grounding", "correctness", "logic", "relevance")
COUNTED = ("grounding", "correctness")
TAU, WEIGHT = 0.6, 2.0


def throw(*told: object, sides: int) -> int:
    """A die that falls the same way for the same words."""
    return hashlib.sha256(json.dumps(told).encode()).digest()[0] % sides


def grade(step: str, name: str) -> int | None:
    """0, not applicable or 1, in a fixed way for each step and dimension."""
    return (0, None, 1, 1)[throw(step, name, sides=4)]


def by_dimensions(body: dict) -> str:
    _, steps = read_prompt(body["messages"])
    graded = {
        str(k): {"reason": f"because of {s[:20]}"} | {n: grade(s, n) for n in DIMENSIONS}
        for k, s in enumerate(steps, 1)
    }
    return json.dumps({"steps": graded, "answer": throw(*steps, sides=2)})


def by_local(body: dict) -> str:
    _, steps = read_prompt(body["messages"])
    return json.dumps({"steps": {str(k): {"follows": throw(s, sides=2)} for k, s in enumerate(steps, 1)}})


def go(folder, says, overrides) -> tuple[list[dict], FakeJudgeServer]:
    make_assets()
    with FakeJudgeServer(says=says) as server:
        judge = {"name": "openai", "openai.base_url": server.base_url, "openai.model": "fake"}
        one = Run(
            folder, steps=1,
            overrides={f"++mrpo.judge.{name}": value for name, value in judge.items()}
            | {"trainer.val_before_train": False, "trainer.test_freq": -1, "trainer.save_freq": -1}
            | overrides,
        )  # fmt: skip
        finished = one.go(timeout=680)
        assert finished.exit_code == 0, one.tail()
        return one.rollouts(1), server


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Rubric of four dimensions of which two count, reasons, the answer by verdict, every part of step_credit."""
    options = {
        "judge.openai.rubric": "dimensions", "judge.openai.valid_grades": "[grounding,correctness]",
        "judge.openai.reasons": True, "rewards.answer.mode": "judge", "shaping": "step_credit",
        "shaping_options.factor": "linear", "shaping_options.equal_mean": True,
        "shaping_options.after_first_failure": "keep", "shaping_options.invalid_of_right": 1.0,
    }  # fmt: skip
    return go(tmp_path_factory.mktemp("graded"), by_dimensions, {f"++mrpo.{n}": v for n, v in options.items()})


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """Rubric `local`, step scores normalised in the group, the process reward left out of the sum."""
    options = {
        "judge.openai.rubric": "local", "shaping": "srar", "shaping_options.step_weight": WEIGHT,
        "rewards.process.weight": 0.0,
    }  # fmt: skip
    return go(tmp_path_factory.mktemp("grouped"), by_local, {f"++mrpo.{n}": v for n, v in options.items()})


def groups(rows: list[dict]) -> list[list[dict]]:
    found = defaultdict(list)
    for row in rows:
        found[row["uid"].rsplit("_", 2)[0]].append(row["mrpo"])
    return list(found.values())


def standardised(values: list[float]) -> list[float]:
    if max(values) - min(values) < 1e-9:
        return [0.0] * len(values)
    mean, std = statistics.fmean(values), statistics.stdev(values)
    return [(v - mean) / (std + 1e-4) for v in values]


def sums(records: list[dict]) -> list[float]:
    return [math.fsum(w * r["rewards"][n] for n, w in r["weights"].items()) for r in records]


def label_of(step: str) -> int:
    counted = [grade(step, name) for name in COUNTED]
    return int(0 not in counted and 1 in counted)


def test_two_of_four_grades_make_the_label_and_all_stand_in_the_dump(graded):
    rows, server = graded
    judged = [row["mrpo"] for row in rows if row["mrpo"]["steps"]]
    assert judged and {record["judge_status"] for record in judged} == {"ok"} and server.requests
    for record in judged:
        assert record["labels"] == [label_of(step) for step in record["steps"]]
        assert record["judge"]["grades"] == [
            {name: grade(step, name) for name in DIMENSIONS} for step in record["steps"]
        ]
        assert record["judge"]["reasons"] == [f"because of {step[:20]}" for step in record["steps"]]


def test_the_verdict_is_the_answer_reward_and_decides_who_is_wrong(graded):
    for record in (row["mrpo"] for row in graded[0]):
        if record["steps"] and record["answer"]:
            verdict = throw(*record["steps"], sides=2)
            assert (record["rewards"]["answer"], record["wrong"]) == (verdict, verdict <= TAU)


def test_step_credit_with_all_of_its_options_is_its_formula(graded):
    compared = 0
    for records in groups(graded[0]):
        for record, a in zip(records, standardised(sums(records)), strict=True):
            for k, wanted in enumerate(step_credit(record, a)):
                given = record["step_advantages"][k]
                if given is not None:
                    assert given == pytest.approx(wanted, abs=1e-4)
                    compared += 1
    assert compared > 50
    print(f"{compared} advantages of steps compared")


def step_credit(record: dict, a: float) -> list[float]:
    labels, count = record["labels"] or [], len(record["steps"])
    spread = max(count - 1, 1)
    published = [math.exp(1 - k / spread) if count > 1 else 1.0 for k in range(count)]
    linear = [math.e - (math.e - 1) * k / spread if count > 1 else 1.0 for k in range(count)]
    scale = sum(published) / sum(linear) if count else 1.0
    out, failed = [], False
    for label, factor in zip(labels, linear, strict=True):
        if record["rewards"]["answer"] > TAU:
            out.append(a if label else a - abs(a))
        else:
            out.append(a if failed else (abs(a) if label else -scale * factor * abs(a)))
            failed = failed or not label
    return out


def test_step_scores_normalised_in_the_group_are_their_formula(grouped):
    rows, _ = grouped
    compared = moved = 0
    for records in groups(rows):
        for record in records:
            assert record["labels"] == [throw(step, sides=2) for step in record["steps"]]
        for record, a in zip(records, standardised(sums(records)), strict=True):
            for k, given in enumerate(record["step_advantages"]):
                column = [r["labels"][k] for r in records if k < len(r["labels"])]
                std = statistics.stdev(column) if len(column) > 1 else 0.0
                offset = (record["labels"][k] - statistics.fmean(column)) / (std + 1e-4) if std > 1e-4 else 0.0
                if given is not None:
                    assert given == pytest.approx(a + WEIGHT * offset, abs=1e-4)
                    compared, moved = compared + 1, moved + (offset != 0)
    assert compared > 50 and moved > 20
    print(f"{compared} advantages of steps compared, {moved} moved by their siblings")
