"""Cache, budget, breaker and limits hold for continuations as for every other judge."""

from __future__ import annotations

import asyncio
import time

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protocol import GivenRollout
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.continuations.conftest import PROMPT, RIGHT, continuing, prefixes

QUICK = {"name": "continuations", "continuations__n": 4, "continuations__min_known": 2}


def several(options, requests, *, at_once=False):
    async def run():
        judge = get_judge(options)
        try:
            if at_once:
                return await asyncio.gather(*(judge.label(request) for request in requests))
            return [await judge.label(request) for request in requests]
        finally:
            await judge.close()

    return asyncio.run(run())


def test_labels_are_paid_for_once_and_everything_that_they_depend_on_is_in_the_key(options_of, case_of, tmp_path):
    base = {**QUICK, "cache__path": str(tmp_path / "labels.db")}
    with FakeJudgeServer(says=continuing([4, 0, 0, 0])) as server:
        url = {"openai__base_url": server.base_url}
        first, second = several(options_of(**base, **url), [case_of(), case_of()])
        assert first.labels == second.labels == (0, 1, 1)
        assert second.usage.cached and len(server.requests) == 16
    others = [
        {"continuations__max_drop": 1.0}, {"continuations__max_tokens": 9}, {"continuations__temperature": 0.5},
        {"continuations__n": 2}, {"continuations__tau": 0.7}, {"openai__extra_body": {"top_p": 0.5}},
    ]  # fmt: skip
    requests = [case_of(answer="left"), case_of(rollout=GivenRollout((("user", ("Another?",)),), prefixes())),
                case_of(rollout=GivenRollout(PROMPT, tuple(p + "!" for p in prefixes())))]  # fmt: skip
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        url = {"openai__base_url": server.base_url, "cache__namespace": None}
        several(options_of(**base, **url), [case_of()])
        calls = len(server.requests)
        for changes in others:
            (judgement,) = several(options_of(**{**base, **url, **changes}), [case_of()])
            assert not judgement.usage.cached, changes
        for request in requests:
            (judgement,) = several(options_of(**base, **url), [request])
            assert not judgement.usage.cached
    assert calls == 16


def test_a_failure_is_not_cached(options_of, case_of, tmp_path):
    base = {**QUICK, "cache__path": str(tmp_path / "labels.db"), "openai__max_retries": 0}
    with FakeJudgeServer(says=lambda body: RIGHT, script=["http_400"] * 16) as server:
        failed, sound = several(options_of(**base, openai__base_url=server.base_url), [case_of(), case_of()])
    assert failed.failure == "http_400" and sound.failure in (None, "http_400")
    assert not sound.usage.cached


def test_a_spent_budget_is_the_failure_whatever_else_went_wrong(options_of, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        options = options_of(**QUICK, openai__base_url=server.base_url, max_tokens=300, limits__tokens_per_call=50)
        judgements = several(options, [case_of()] * 6)
    assert [j.failure for j in judgements[-3:]] == ["token_budget"] * 3
    used = sum(j.usage.prompt_tokens + j.usage.completion_tokens for j in judgements)
    assert 300 <= used < 600, "overspent by about one call"


def test_an_endpoint_that_is_down_is_left_alone_and_probed_by_one_call(options_of, case_of):
    quick = {**QUICK, "openai__max_retries": 0, "breaker__failures": 2, "breaker__pause_s": 60}
    with FakeJudgeServer(says=lambda body: RIGHT, faults={"http_503": 1.0}) as server:
        options = options_of(**quick, openai__base_url=server.base_url)

        async def run():
            judge = get_judge(options)
            breaker, now = judge.judge.breaker, time.monotonic()
            breaker.clock = lambda: now
            try:
                first = [await judge.label(case_of()) for _ in range(2)]
                shut = await judge.label(case_of())
                breaker.clock = lambda: now + breaker.pause_s
                before = len(server.requests)
                probe = await judge.label(case_of())
                return first, shut, probe, len(server.requests) - before
            finally:
                await judge.close()

        first, shut, probe, calls = asyncio.run(run())
    assert [j.failure for j in first] == ["http_503"] * 2
    assert shut.failure == "circuit_open" and shut.usage.calls == 0
    assert probe.failure == "http_503" and calls == 1


def test_calls_at_once_are_bounded_by_the_option(options_of, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT, latency_s=0.01) as server:
        options = options_of(**QUICK, openai__base_url=server.base_url, openai__concurrency=3)
        several(options, [case_of()] * 3, at_once=True)
    assert server.peak == 3 and len(server.requests) == 48


def test_a_member_of_an_ensemble_continues_as_the_judge_alone_does(options_of, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        member = {"name": "continuations", "openai": {"base_url": server.base_url}, "continuations": {"n": 4}}
        members = {"a": member, "b": {"name": "overlap"}, "c": member}
        (judgement,) = several(options_of(name="ensemble", members=members), [case_of()])
    assert judgement.labels == (1, 1, 1) and judgement.usage.calls == 32


@pytest.mark.parametrize("n", [1, 3])
def test_the_cost_that_is_told_is_the_cost_that_is_paid(options_of, case_of, n):
    from recipe.mrpo.judge.continuations.cost import calls_of

    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        changed = {"continuations__n": n, "continuations__min_known": 1}
        several(options_of(**{**QUICK, **changed}, openai__base_url=server.base_url), [case_of()])
    assert len(server.requests) == calls_of(3, n=n) == 4 * n
