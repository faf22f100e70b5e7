"""No rollout leaves training unseen: verl's real agent loop and replay buffers, whatever rewards, judge and row do."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.scoring.faults import error_counts, fatal_report
from tests.unit.wiring.rollouts import EXTRA, GOOD
from tests.unit.wiring.verl_queue import Queue, buffer_of, generate, worker_of

TEXTS = [GOOD, GOOD.replace("<answer>pneumonia", "<answer>fracture"), GOOD.replace("kidney", "lung"), "no tags at all"]
ROW = {
    "raw_prompt": [{"role": "user", "content": "What is seen?"}], "texts": TEXTS, "data_source": "vqa-rad",
    "reward_model": {"style": "rule", "ground_truth": "pneumonia"}, "extra_info": EXTRA, "index": 0,
}  # fmt: skip

OWN = """
import asyncio, math, sys, threading
import numpy as np, torch
from recipe.mrpo.judge import Judgement, register_judge
from recipe.mrpo.options.tree import OptionError

def hard(given):                    # a bug that only the wrong answers meet
    return {True: 1.0}[given.answer_correct]

def always(given):
    raise RuntimeError("\\x1b[2J no rollout " + (given.prediction or ""))

def leaves(given):
    sys.exit(3)

def sleeps(given):
    threading.Event().wait()

def waits(given):
    return given.answer_correct if given.answer_correct else asyncio.run(asyncio.sleep(3600))

def denied(given):
    open("/proc/1/mem")

def option(given):
    raise OptionError("mrpo.rewards.own.key must be set.")

class Judge:
    name = "own"
    stays_on_machine = True
    def __init__(self, kind): self.kind = kind
    async def label(self, request):
        count = len(request.steps)
        if self.kind == "raises": raise KeyError(request.steps[0])
        if self.kind == "short": return Judgement(labels=(1,) * (count - 1))
        if self.kind == "none": return None
        if self.kind == "numpy": return Judgement(labels=tuple(np.ones(count)))
        if self.kind == "exits": sys.exit(1)
        if self.kind == "waits": await asyncio.Event().wait()
        if self.kind == "blocks": threading.Event().wait()
        if self.kind == "cancels": raise asyncio.CancelledError
        raise PermissionError("the case may not leave this machine; set mrpo.judge.allow_hosts.")
    async def close(self): pass

for kind in ("waits", "blocks", "raises", "short", "none", "numpy", "exits", "cancels", "refuses"):
    register_judge("stay_" + kind)(lambda options, kind=kind: Judge(kind))

VALUES = {"np": np.float32(0.5), "torch": torch.tensor(0.5), "bool": np.bool_(True), "text": "0.5", "nan": math.nan,
          "inf": math.inf, "list": [1.0]}
def value(given, *, of):
    return VALUES[of]
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    import sys

    folder = tmp_path_factory.mktemp("own")
    (folder / "stay_own.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield "stay_own"
    sys.path.remove(str(folder))


@pytest.fixture
def queue(verl, monkeypatch):
    from verl.trainer.ppo.v1 import agent_loop_tq, replay_buffer

    queue = Queue()
    monkeypatch.setattr(agent_loop_tq, "tq", queue)
    monkeypatch.setattr(replay_buffer, "tq", queue)
    monkeypatch.setattr(replay_buffer.time, "sleep", lambda _: pytest.fail("the buffer waits for rollouts"))
    return queue


def reward(name, **options):
    return {"rewards": {"own": {"weight": 1.0, "function": f"stay_own:{name}", **options}}}


def judge(kind):
    return {"judge": {"name": f"stay_{kind}", "module": "stay_own"}}


def row(**changed):
    return {key: value for key, value in (ROW | changed).items() if value is not ...}


# options that differ, the row, (reward, kind) -> rollouts of four, judge statuses of the three with steps
CASES = {
    "nothing": ({}, ROW, {}, "ok"),
    "a reward fails on wrong answers": (reward("hard"), ROW, {("own", "KeyError"): 2}, "ok"),
    "a reward always fails": (reward("always"), ROW, {("own", "RuntimeError"): 4}, "ok"),
    "a reward leaves the process": (reward("leaves"), ROW, {("own", "SystemExit"): 4}, "ok"),
    "a reward may not open a file": (reward("denied"), ROW, {("own", "PermissionError"): 4}, "ok"),
    **{f"a reward returns {v}": (reward("value", of=v), ROW, {}, "ok") for v in ("np", "torch", "bool")},
    **{
        f"a reward returns {v}": (reward("value", of=v), ROW, {("own", "BadValue"): 4}, "ok")
        for v in ("text", "nan", "inf", "list")
    },
    **{
        f"a reward never comes back, it {how}": (
            reward(how) | {"guards": {"reward_timeout_s": limit_s}}, ROW, {("own", "TookTooLong"): count}, "ok"
        )
        for how, count, limit_s in (("sleeps", 4, 0.2), ("waits", 2, 2))  # two of four must be in time
    },
    **{
        f"a judge never comes back, it {how}": ({"judge": judge(how)["judge"] | {"own_timeout_s": 0.2}}, ROW, {},
                                                "failed:timeout")
        for how in ("waits", "blocks")
    },
    "a judge raises": (judge("raises"), ROW, {}, "failed:exception"),
    "a judge gives a label too few": (judge("short"), ROW, {}, "failed:label_count"),
    "a judge returns nothing": (judge("none"), ROW, {}, "failed:exception"),
    "a judge gives labels of NumPy": (judge("numpy"), ROW, {}, "failed:exception"),
    "a judge leaves the process": (judge("exits"), ROW, {}, "failed:exception"),
    "no gold answer": ({}, row(reward_model={"style": "rule", "ground_truth": []}), {("row", "BadRow"): 4},
                       "skipped:bad_row"),
    "no reward_model": ({}, row(reward_model=...), {("row", "BadRow"): 4}, "skipped:bad_row"),
    "a gold answer of a wrong type": ({}, row(extra_info=EXTRA | {"answers": {"a": 1}}), {("row", "BadRow"): 4},
                                      "skipped:bad_row"),
    "extra_info is no struct": ({}, row(extra_info="{"), {("row", "BadRow"): 4}, "skipped:bad_row"),
    "extra_info is JSON text": ({}, row(extra_info=json.dumps(EXTRA)), {}, "ok"),
    "a flag that nobody wrote": ({}, row(extra_info=EXTRA | {"may_leave_machine": None}), {}, "failed:bad_row"),
    "no extra_info": ({}, row(extra_info=...), {}, "skipped:no_gold_reasoning"),
}  # fmt: skip


def records_of(queue, keys) -> list[RolloutRecord]:
    infos = [queue.fields[key]["extra_fields"] for key in sorted(keys)]
    return [RolloutRecord.from_extra_info(getattr(x, "data", x)["reward_extra_info"]) for x in infos]


@pytest.mark.parametrize("mode", ["sync", "colocate_async"])
@pytest.mark.parametrize("case", CASES)
def test_every_rollout_stays_in_its_group_and_what_went_wrong_is_counted(own, manager_of, bpe, queue, mode, case):
    changed, one, errors, status = CASES[case]
    generate(worker_of(manager_of(**changed), bpe, n=len(TEXTS)), queue, {"a": ROW, "q": one})
    refilled = []
    batch, metrics = buffer_of(mode, refilled.append).sample(global_steps=1, partition_id="train", batch_size=2)
    assert sorted(batch.keys) == [f"{uid}_{i}_0" for uid in "aq" for i in range(len(TEXTS))]
    assert refilled == [] and metrics == {}
    found = records_of(queue, [key for key in batch.keys if key.startswith("q")])
    assert error_counts(found) == errors
    assert [r.judge_status for r in found] == [status] * 3 + ["ok"]
    assert all(RECORD_KEY not in r.rewards and r.fatal is None for r in found)


def test_an_unknown_reward_is_none_and_its_rollout_keeps_the_others(own, manager_of, bpe, queue):
    generate(worker_of(manager_of(**reward("hard")), bpe, n=4), queue, {"q": ROW})
    found = records_of(queue, queue.fields)
    assert [r.rewards["own"] for r in found] == [1.0, None, 1.0, None]
    assert [r.rewards["answer"] for r in found] == [1.0, 0.0, 1.0, 0.0]
    assert all(r.rewards["length"] is not None for r in found)


@pytest.mark.parametrize("name", ["always", "value"])
def test_without_an_answer_reward_a_rollout_is_neither_right_nor_wrong(own, manager_of, bpe, queue, name):
    options = {"of": "nan"} if name == "value" else {}
    changed = {"rewards": {"answer": {"weight": 1.0, "function": f"stay_own:{name}", **options}}}
    generate(worker_of(manager_of(**changed), bpe, n=4), queue, {"q": ROW})
    for record in records_of(queue, queue.fields):
        assert record.wrong is None and record.rewards["answer"] is None
        assert "acc" not in record.to_extra_info(stage_cuts=(0.3, 0.6))


FATAL = {
    "a private row and a judge elsewhere": (judge("refuses"), "set mrpo.judge.allow_hosts"),
    "an option that cannot be": (reward("option"), "mrpo.rewards.own.key must be set"),
}


@pytest.mark.parametrize("mode", ["sync", "colocate_async"])
@pytest.mark.parametrize("case", FATAL)
def test_what_must_end_the_run_reaches_the_trainer_in_the_rollouts_own_record(own, manager_of, bpe, queue, mode, case):
    changed, sentence = FATAL[case]
    generate(worker_of(manager_of(**changed), bpe, n=4), queue, {"q": ROW})
    batch, _ = buffer_of(mode, None).sample(global_steps=1, partition_id="train", batch_size=1)
    assert len(batch.keys) == 4
    assert sentence in fatal_report(records_of(queue, batch.keys))


def test_a_judge_that_is_cancelled_from_within_leaves_the_rollout_unknown(own, manager_of, bpe, queue):
    generate(worker_of(manager_of(**judge("cancels")), bpe, n=4), queue, {"q": ROW})
    found = records_of(queue, queue.fields)
    assert error_counts(found) == {("rollout", "CancelledError"): 3}
    assert [set(r.rewards.values()) for r in found[:3]] == [{None}] * 3


def test_a_tokenizer_that_nobody_can_read_ends_the_run_with_its_sentence(manager_of, bpe, queue):
    one = manager_of()
    one.tokenizer = type("Slow", (), {"backend_tokenizer": None})()
    generate(worker_of(one, bpe, n=4), queue, {"q": ROW})
    assert "actor_rollout_ref.model.path: Slow is not a fast tokenizer" in fatal_report(records_of(queue, queue.fields))


def test_an_error_is_told_once_with_its_place_and_without_what_a_model_wrote(own, manager_of, bpe, queue, caplog):
    generate(worker_of(manager_of(**reward("always")), bpe, n=4), queue, {"q": ROW})
    (line,) = [r.getMessage() for r in caplog.records if r.name == "recipe.mrpo.scoring.faults"]
    assert line.startswith("mrpo.rewards.own: RuntimeError: \\x1b[2J no rollout ")
    assert "stay_own.py" in line and "\x1b" not in line
