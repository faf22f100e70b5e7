"""A real verl run in which half of the groups and every second validation are judged, recomputed from its dump."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import defaultdict

import pytest

from tests.integration.method_arithmetic import deviation
from tests.integration.verl_run import Run, make_assets

pytestmark = [pytest.mark.verl, pytest.mark.slow]

STEPS, SHARE, SEED = 2, 0.5, 1
LEFT_OUT = "skipped:share"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    make_assets()
    options = {"share": SHARE, "share_seed": SEED, "validation_every": 2}
    one = Run(
        tmp_path_factory.mktemp("share"), steps=STEPS,
        overrides={f"++mrpo.judge.{name}": value for name, value in options.items()}
        | {"data.val_max_samples": 8, "trainer.val_before_train": True, "trainer.test_freq": 1}
        | {"trainer.save_freq": -1},
    )  # fmt: skip
    finished = one.go(timeout=680)
    assert finished.exit_code == 0, one.tail()
    return one


def groups(rows: list[dict]) -> list[list[dict]]:
    found = defaultdict(list)
    for row in rows:
        found[row["uid"].rsplit("_", 2)[0]].append(row)
    return list(found.values())


def drawn(case: dict, step: int) -> bool:
    """The draw by its formula, of the row's place in the data."""
    prompt = json.dumps([case["data_source"], case["split"], case["index"]])
    digest = hashlib.sha256(json.dumps([SEED, step, prompt]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < SHARE


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_group_is_judged_as_a_whole_and_as_its_prompt_was_drawn(run, step):
    for group in groups(run.rollouts(step)):
        status = {row["mrpo"]["judge_status"] for row in group}
        assert len(group) == 8 and status == ({"ok"} if drawn(group[0]["mrpo"]["case"], step) else {LEFT_OUT})


def test_both_kinds_of_groups_were_there(run):
    kinds = {row["mrpo"]["judge_status"] for step in range(1, STEPS + 1) for row in run.rollouts(step)}
    assert kinds == {"ok", LEFT_OUT}


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_judged_groups_train_as_mrpo_and_the_others_as_grpo_without_the_process_reward(run, step):
    compared = 0
    for group in groups(run.rollouts(step)):
        if group[0]["mrpo"]["judge_status"] == "ok":
            assert deviation(group, "mrpo") < 1e-4
            continue
        records = [row["mrpo"] for row in group]
        assert all(record["labels"] is None and record["rewards"]["process"] is None for record in records)
        totals = [math.fsum(r["weights"][n] * r["rewards"][n] for n in ("answer", "length")) for r in records]
        spread = statistics.stdev(totals) if max(totals) - min(totals) > 1e-9 else math.inf
        for record, total in zip(records, totals, strict=True):
            wanted = (total - statistics.fmean(totals)) / (spread + 1e-4)
            given = [a for a in (record["advantage"], *record["step_advantages"]) if a is not None]
            assert given == pytest.approx([wanted] * len(given), abs=1e-4)
            compared += len(given)
    print(f"step {step}: {compared} advantages of unjudged groups compared")


def test_the_metrics_tell_the_share_apart_from_failures(run):
    for step in range(1, STEPS + 1):
        metrics, rows = run.metrics()[step], run.rollouts(step)
        left = sum(row["mrpo"]["judge_status"] == LEFT_OUT for row in rows)
        assert metrics["mrpo/judge/skipped_by_share_total"] == left
        assert metrics["mrpo/judge/groups_judged"] == pytest.approx(1 - left / len(rows))
        assert metrics["mrpo/judge/failures_total"] == 0


def test_a_validation_that_is_not_judged_has_answers_and_no_step_metrics(run):
    metrics = run.metrics()
    for step, judged in {0: True, 1: False, 2: True}.items():
        names = [name for name in metrics[step] if name.startswith(("val-core/", "val-aux/"))]
        assert any("/acc/mean@" in name for name in names), step
        assert any("/valid_steps/" in name for name in names) is judged, step
        assert any("/process_reward/" in name for name in names) is judged, step
        assert any("/reward/mean@" in name for name in names) is judged, "a sum without the process reward is no reward"
        counts = [value for name, value in metrics[step].items() if name.endswith("/unjudged_total")]
        assert counts and (sum(counts) == 0) is judged
