"""The reward manager on one row as verl hands it over: real tokenizer, real offline judge, real rewards."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import numpy as np
import pytest

from recipe.mrpo.rollout.record import RECORD_KEY
from tests.unit.wiring.rollouts import EXTRA, GOLD_REASONING, GOOD, run, spied


def test_a_good_rollout(manager, row_of, bpe):
    out, record = run(manager, row_of(GOOD))
    assert [s.split()[0] for s in record.steps] == ["The", "The", "The", "This"]
    assert record.labels == [1, 1, 0, 1] and record.judge_status == "ok"
    assert record.rewards == pytest.approx({"answer": 1.0, "process": 0.75, "length": 0.0, "format": 1.0})
    assert out["reward_score"] == pytest.approx(1.75)
    assert out["reward_extra_info"]["acc"] == 1.0 and not record.wrong
    ids = bpe(GOOD, add_special_tokens=False)["input_ids"]
    assert record.response_tokens == len(ids)
    for text, (t0, t1) in zip(record.steps, record.spans, strict=True):
        assert bpe.decode(ids[t0:t1]).strip() == text


def test_the_sentences_of_a_long_answer_can_be_the_steps(manager_of, row_of, bpe):
    report = "<think>It is a chest film.</think><answer>The heart is large. There is no effusion.</answer>"
    _, record = run(manager_of(**{"steps.source": "answer"}), row_of(report))
    ids = bpe(report, add_special_tokens=False)["input_ids"]
    assert record.steps == ["The heart is large.", "There is no effusion."] and len(record.labels) == 2
    for step, (t0, t1) in zip(record.steps, record.spans, strict=True):
        assert bpe.decode(ids[t0:t1]).strip().removesuffix("</") == step, "a token may hold the dot and half of the tag"


def test_a_wrong_answer_is_wrong_and_its_steps_are_judged_all_the_same(manager, row_of):
    out, record = run(manager, row_of(GOOD.replace("<answer>pneumonia", "<answer>fracture")))
    assert record.wrong and out["reward_extra_info"]["acc"] == 0.0
    assert record.labels == [1, 1, 0, 1]


def test_padding_behind_the_response_is_no_part_of_it(manager, row_of):
    padded, plain = run(manager, row_of(GOOD, padding=7))[1], run(manager, row_of(GOOD))[1]
    assert replace(padded, judge={}) == replace(plain, judge={})  # `judge` has the latency


# --- gold answers and prompts as parquet gives them


@pytest.mark.parametrize("gold", ["pneumonia", ["pneumonia"], ["lung infection", "pneumonia"], np.array(["pneumonia"])])
def test_one_gold_answer_or_several(manager, row_of, gold):
    assert run(manager, row_of(GOOD, gold=gold))[1].rewards["answer"] == 1.0


def test_the_judge_is_given_every_right_answer(manager_of, row_of):
    one = manager_of()
    seen = spied(one)
    run(one, row_of(GOOD, extra={**EXTRA, "answers": ["pneumonia", "lung infection"]}))
    assert seen[0].answers == ("pneumonia", "lung infection") and seen[0].alternatives == ("lung infection",)


def test_the_token_table_is_made_once_though_many_rollouts_wait_for_it(manager_of, row_of, monkeypatch):
    from recipe.mrpo.rollout.tokens import TokenTable

    one, made = manager_of(), []
    make = TokenTable.from_tokenizer

    def slow(tokenizer):
        made.append(1)
        time.sleep(0.2)
        return make(tokenizer)

    monkeypatch.setattr(TokenTable, "from_tokenizer", slow)

    async def all_at_once():
        await asyncio.gather(*(one.run_single(row_of(GOOD)) for _ in range(16)))

    asyncio.run(all_at_once())
    assert len(made) == 1


def test_a_rollout_that_was_not_judged_has_no_latency(manager_of, row_of):
    out, record = run(manager_of(), row_of("<think></think><answer>pneumonia</answer>"))
    assert record.judge == {} and "judge_latency_s" not in out["reward_extra_info"]
    assert "judge_latency_s" in run(manager_of(), row_of(GOOD))[0]["reward_extra_info"]


def test_the_judge_is_given_the_case(manager_of, row_of):
    one = manager_of()
    seen = spied(one)
    run(one, row_of(GOOD, extra={**EXTRA, "may_leave_machine": False}))
    (request,) = seen
    assert (request.question, request.answer) == ("What is seen?", "pneumonia")
    assert request.gold_reasoning == GOLD_REASONING and len(request.steps) == 4
    assert request.may_leave_machine is False


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        [{"role": "user", "content": "text only"}],
        [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
    ],
)
def test_a_prompt_without_an_image_is_judged_without(manager, row_of, messages):
    assert run(manager, row_of(GOOD, messages=messages))[1].labels == [1, 1, 0, 1]


# --- a judge that fails


class FailingJudge:
    name = "failing"

    async def label(self, request):
        from recipe.mrpo.judge import Judgement, Usage

        return Judgement(failure="http_500", detail="<html>" * 100, usage=Usage(calls=4, retries=3, latency_s=1.5))


def test_a_failed_judgement_is_no_label_no_zero_and_is_counted(manager_of, row_of, caplog):
    one = manager_of()
    one.judge = FailingJudge()
    out, record = run(one, row_of(GOOD))
    assert record.labels is None and record.judge_status == "failed:http_500" and record.judge_failed
    assert record.rewards["process"] is None and record.rewards["answer"] == 1.0
    assert "process_reward" not in out["reward_extra_info"] and "valid_steps" not in out["reward_extra_info"]
    assert out["reward_extra_info"]["judge_failed"] == 1.0 and out["reward_extra_info"]["judge_calls"] == 4.0
    assert record.judge["retries"] == 3
    assert "judge failing failed: http_500" in caplog.text and len(caplog.text) < 1000


def test_a_rollout_without_gold_reasoning_is_skipped_and_not_shaped(manager, row_of):
    _, record = run(manager, row_of(GOOD, extra={"question": "What is seen?"}))
    assert record.labels is None and record.judge_status == "skipped:no_gold_reasoning" and not record.judge_failed
    assert record.rewards["process"] is None


@pytest.mark.parametrize("value", ["false", "true", 0, 1, None])
def test_a_row_that_does_not_say_clearly_whether_it_may_leave_reaches_no_judge(manager_of, row_of, caplog, value):
    one = manager_of()
    seen = spied(one)
    _, record = run(one, row_of(GOOD, extra={**EXTRA, "may_leave_machine": value, "index": 7}))
    assert seen == [] and record.labels is None and record.judge_status == "failed:bad_row"
    assert record.rewards["answer"] == 1.0 and record.rewards["process"] is None
    assert "extra_info.may_leave_machine of row vqa-rad/train/7 of the data" in caplog.text


@pytest.mark.parametrize(("flag", "leaves"), [({"may_leave_machine": False}, False), ({}, True)])
def test_the_judge_is_told_whether_a_row_may_leave(manager_of, row_of, flag, leaves):
    one, asked = manager_of(), []
    label = one.judge.label

    async def noted(request):
        asked.append(request.may_leave_machine)
        return await label(request)

    one.judge.label = noted
    run(one, row_of(GOOD, extra={k: v for k, v in EXTRA.items() if k != "may_leave_machine"} | flag))
    assert asked == [leaves]


def test_a_rollout_without_steps_asks_no_judge_and_is_no_failure(manager_of, row_of):
    one = manager_of()
    one.judge = FailingJudge()
    _, record = run(one, row_of("pneumonia"))
    assert record.labels == [] and record.judge_status == "ok" and record.judge == {}


RIGHT, WRONG = GOOD, GOOD.replace("<answer>pneumonia", "<answer>fracture")
NO_PROCESS = {"rewards.process.weight": 0.0}


@pytest.mark.parametrize(
    ("estimator", "changed", "right", "wrong"),
    [
        ("mrpo", {}, "ok", "ok"),
        ("mrpo", {"judge.ask_for": "needed"}, "ok", "ok"),  # the process reward reads all labels
        ("mrpo", {"judge.ask_for": "needed"} | NO_PROCESS, "skipped:unused", "ok"),  # shaping reads those of wrong ones
        ("mrpo", {"judge.ask_for": "needed", "shaping": "none"} | NO_PROCESS, "skipped:unused", "skipped:unused"),
        ("grpo", {"judge.ask_for": "needed"} | NO_PROCESS, "skipped:unused", "skipped:unused"),
        ("mrpo", {"judge.ask_for": "wrong_answers"}, "skipped:right", "ok"),
        ("gdpo", {"judge.ask_for": "wrong_answers"}, "skipped:right", "ok"),
    ],
)
def test_a_skipped_rollout_asks_no_judge_has_no_labels_and_is_no_failure(
    manager_of, row_of, estimator, changed, right, wrong
):
    one = manager_of(estimator, **changed)
    for text, status in ((RIGHT, right), (WRONG, wrong)):
        out, record = run(one, row_of(text))
        assert record.judge_status == status and not record.judge_failed
        assert record.wrong == (text == WRONG)
        if status == "ok":
            assert record.labels == [1, 1, 0, 1]
        else:
            assert record.labels is None and record.rewards["process"] is None and record.judge == {}
            assert out["reward_extra_info"]["judge_calls"] == 0.0


# --- options reach what they name


def test_tau_decides_who_is_wrong_and_equality_is_wrong(manager_of, row_of):
    partly = GOOD.replace("<answer>pneumonia", "<answer>pneumonia of the lung")
    at = {"rewards.answer.conflict_cap": 0.0, "rewards.answer.accept": "exact"}
    value = run(manager_of(**at), row_of(partly))[1].rewards["answer"]
    assert 0 < value < 0.6
    assert run(manager_of(tau=value, **at), row_of(partly))[1].wrong
    assert not run(manager_of(tau=value - 0.01, **at), row_of(partly))[1].wrong


def test_weights_and_further_rewards(manager_of, row_of):
    changed = {"rewards.format.weight": 0.5, "rewards.length.weight": 0.0}
    out, record = run(manager_of(**changed), row_of(GOOD))
    assert out["reward_score"] == pytest.approx(1.0 + 0.75 + 0.5)
    assert record.weights == {"answer": 1.0, "process": 1.0, "length": 0.0, "format": 0.5}


def test_concurrent_rollouts_do_not_mix(manager, row_of):
    two = "<think>A is.</think><think>B is.</think><answer>a</answer><answer>b</answer>"
    texts = [GOOD, "The heart is large. It is pneumonia.", two, GOOD.replace("pneumonia<", "fracture<")] * 5

    async def together():
        return await asyncio.gather(*(manager.run_single(row_of(text)) for text in texts))

    # latency is the one thing that differs from run to run
    def essence(out):
        record = json.loads(out["reward_extra_info"][RECORD_KEY])
        return {name: value for name, value in record.items() if name != "judge"}

    assert [essence(o) for o in asyncio.run(together())] == [
        essence(asyncio.run(manager.run_single(row_of(text)))) for text in texts
    ]


def test_the_judge_grades_the_whole_reasoning_only_where_a_reward_reads_it(manager_of, row_of):
    semantic = {"enabled": True, "mode": "verdict", "weight": 1.0}
    _, record = run(manager_of(rewards={"semantic": semantic}), row_of(GOOD))
    assert record.rewards["semantic"] == 1.0
    _, record = run(manager_of(rewards={"semantic": semantic}), row_of(GOOD.replace("right lower", "left lower")))
    assert record.rewards["semantic"] == 0.0
    asked = []
    for enabled in (True, False):
        manager = manager_of(rewards={"semantic": semantic | {"enabled": enabled}})
        label = manager.judge.label

        async def noted(request, label=label):
            asked.append(request.overall)
            return await label(request)

        manager.judge.label = noted
        run(manager, row_of(GOOD))
    assert asked == [True, False]


def test_a_failed_judgement_leaves_the_whole_unknown(manager_of, row_of):
    semantic = {"enabled": True, "mode": "verdict", "weight": 1.0}
    # Nothing listens on port 9 of this machine.
    unreachable = {"name": "openai", "openai": {"base_url": "http://127.0.0.1:9/v1", "model": "m", "max_retries": 0}}
    _, record = run(manager_of(rewards={"semantic": semantic}, judge=unreachable), row_of(GOOD))
    assert record.judge_status == "failed:connection"
    assert record.rewards["semantic"] is None and record.rewards["process"] is None
