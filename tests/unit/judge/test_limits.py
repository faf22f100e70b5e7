"""Budget of the job, rates and slots of its endpoints: the limiter by itself, and judges over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time

import pytest
from PIL import Image

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protect.job_limits import (
    Account,
    Budget,
    BudgetSpent,
    CostSpent,
    EndpointLimiter,
    JobLimiter,
    Limits,
    LocalJob,
    Place,
    TokenBucket,
    Tokens,
)
from recipe.mrpo.judge.when_to_stop import budget_report, failure_report
from tests.fake_judge_server import FakeJudgeServer

HOLD_S = 100


def limits_of(**changes):
    none = {"requests_per_minute": None, "tokens_per_minute": None, "concurrency": None}
    return Limits(**{**none, "tokens_per_call": 100, **changes})


def limiter_of(clock=time.monotonic, max_tokens=None, **changes):
    return EndpointLimiter(limits_of(**changes), Account(Budget(max_tokens)), clock=clock)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only while somebody sleeps."""
    clock = Clock()

    async def sleep(seconds):
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute", "concurrency", "tokens_per_call"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=rf"mrpo\.judge\.limits\.{name} must be above 0"):
        limits_of(**{name: 0})


@pytest.mark.parametrize("name", ["max_tokens", "max_cost"])
def test_a_budget_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=rf"mrpo\.judge\.{name} must be above 0"):
        Budget(**{name: 0})


def test_a_budget_of_money_needs_prices(options_of):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.max_cost needs mrpo\.judge\.price_per_million"):
        get_judge(options_of(name="openai", max_cost=1.0))


def test_a_third_call_waits_for_one_of_two_slots():
    async def run():
        limiter = limiter_of(concurrency=2)
        first, _ = await limiter.acquire(HOLD_S), await limiter.acquire(HOLD_S)
        third = asyncio.create_task(limiter.acquire(HOLD_S))
        await asyncio.sleep(0.05)
        assert not third.done()
        await limiter.release(first, Tokens())
        await asyncio.wait_for(third, 5)

    asyncio.run(run())


def test_the_slot_of_a_worker_that_died_comes_back():
    async def run():
        clock = Clock()
        limiter = limiter_of(clock, concurrency=1)
        lost = await limiter.acquire(300)
        clock.now = 299
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(limiter.acquire(300), 0.05)
        clock.now = 301
        lease = await asyncio.wait_for(limiter.acquire(300), 5)
        await limiter.release(lost, Tokens())  # it comes back after all: the slot of the other is untouched
        assert list(limiter._leases) == [lease]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"requests_per_minute": 1200}, "20 calls a second"),
        ({"tokens_per_minute": 120_000}, "100 tokens a call, 2000 a second"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_calls_beyond_a_rate_wait(limit, why, at_once):
    async def run():
        limiter = limiter_of(**limit)
        start = time.monotonic()

        async def call():
            await limiter.release(await limiter.acquire(HOLD_S), Tokens(90, 10))

        if at_once:
            await asyncio.gather(*(call() for _ in range(30)))
        else:
            for _ in range(30):
                await call()
        return time.monotonic() - start

    # A burst of 20 passes at once, ten more take half a second.
    assert 0.4 <= asyncio.run(run()) < 2, why


def test_a_bucket_lets_its_rate_pass_after_a_burst():
    clock = Clock()
    bucket = TokenBucket(60, burst=2, clock=clock)
    waits = []
    for _ in range(4):
        waits.append(bucket.wait_s(1))
        bucket.take(1)
    assert waits == [0, 0, 1, 2], "two at once, then one a second"
    clock.now = 1_000
    assert (bucket.wait_s(2), bucket.wait_s(5)) == (0, 0), "more than the burst needs a full bucket"
    bucket.take(5)
    assert bucket.wait_s(1) == 4, "and is paid for afterwards: an idle hour saves up no more than the burst"
    bucket.take(-100)
    assert bucket.wait_s(2) == 0 and bucket.wait_s(1) == 0
    bucket.take(2)
    assert bucket.wait_s(1) == 1, "what is given back fills the bucket, and no more"


async def used_in(clock, limiter, seconds, tokens):
    """Tokens of the calls that pass one after the other, each answered with `tokens`."""
    start, used = clock.now, 0
    while True:
        lease = await limiter.acquire(HOLD_S)
        if clock.now - start >= seconds:
            return used
        await limiter.release(lease, Tokens(tokens))
        used += tokens


@pytest.mark.parametrize("tokens", [500, 3_000, 9_000])
def test_calls_that_failed_do_not_raise_the_rate_of_those_after_them(clock, tokens):
    async def run():
        limiter = limiter_of(clock, tokens_per_minute=60_000, tokens_per_call=3_000)
        await used_in(clock, limiter, 300, tokens)
        for _ in range(900):
            await limiter.release(await limiter.acquire(HOLD_S), Tokens())
        return await used_in(clock, limiter, 60, tokens)

    # A minute's worth, the burst before it and the call that ends it.
    assert 50_000 < asyncio.run(run()) <= 60_000 + 3_000 + tokens


def test_calls_under_way_are_charged_the_mean_of_those_that_were_answered(clock):
    async def run():
        limiter = limiter_of(clock, tokens_per_minute=60_000, tokens_per_call=1_000)
        for tokens in [3_000] * 100 + [0] * 900:
            await limiter.release(await limiter.acquire(HOLD_S), Tokens(tokens))
        start, passed = clock.now, 0
        while clock.now - start < 60:  # none of them ends meanwhile
            await limiter.acquire(HOLD_S)
            passed += 1
        return passed

    assert 19 <= asyncio.run(run()) <= 22


@pytest.mark.parametrize(("expected", "actual"), [(100, 10_000), (10_000, 100)])
def test_what_calls_really_used_is_settled_when_they_end(clock, expected, actual):
    async def run():
        limiter = limiter_of(clock, tokens_per_minute=60_000, tokens_per_call=expected)
        return await used_in(clock, limiter, 600, actual)

    assert 500_000 < asyncio.run(run()) <= 600_000 + 10_000 + 10_000


def test_a_call_without_an_answer_costs_nothing(clock):
    async def run():
        limiter = limiter_of(clock, tokens_per_minute=6_000, tokens_per_call=3_000)
        for _ in range(100):
            await limiter.release(await limiter.acquire(HOLD_S), Tokens())
        return clock.now

    assert asyncio.run(run()) == 0


def test_a_spent_budget_ends_calls():
    async def run():
        limiter = limiter_of(max_tokens=250)
        for _ in range(3):
            await limiter.release(await limiter.acquire(HOLD_S), Tokens(60, 40))
        with pytest.raises(BudgetSpent, match=r"mrpo\.judge\.max_tokens=250"):
            await limiter.acquire(HOLD_S)

    asyncio.run(run())


def test_a_budget_of_money_counts_by_the_prices():
    account = Account(Budget(None, 1.0, prompt_price=2.0, completion_price=8.0))
    account.add(Tokens(100_000, 99_999))
    account.check()
    account.add(Tokens(0, 1))
    with pytest.raises(CostSpent, match=r"mrpo\.judge\.max_cost=1"):
        account.check()


def test_a_wait_for_slots_saves_up_no_calls_beyond_the_burst(clock):
    async def run():
        limiter = limiter_of(clock, requests_per_minute=600, concurrency=1)
        sent = []

        async def call():
            lease = await limiter.acquire(HOLD_S)
            sent.append(clock.now)
            return lease

        lease = await call()
        waiting = [asyncio.create_task(call()) for _ in range(70)]
        for _ in range(50):  # the first call takes five seconds, others ask meanwhile
            await asyncio.sleep(0.1)
            await asyncio.wait(waiting, timeout=0.001)
        for task in waiting:
            await limiter.release(lease, Tokens(1, 1))
            lease = await task
        return sent

    first, *others = asyncio.run(run())
    assert len(others) == 70 and others[0] >= first + 4.9
    in_a_second = max(sum(start <= at < start + 1 for at in others) for start in others)
    assert in_a_second <= 10 + 10, "the burst, and the second's own"


@pytest.mark.parametrize("waits_for", [{"concurrency": 1}, {"requests_per_minute": 120}, {"tokens_per_minute": 12_000}])
def test_who_stops_waiting_takes_nothing(waits_for):
    async def run():
        limiter = limiter_of(**waits_for)
        held = [await limiter.acquire(HOLD_S) for _ in range(1 if "concurrency" in waits_for else 2)]
        waiting = [asyncio.create_task(limiter.acquire(HOLD_S)) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=5)
        assert all(task.cancelled() for task in waiting) and set(limiter._leases) == set(held)
        await limiter.release(held[0], Tokens(100))
        await asyncio.wait_for(limiter.acquire(HOLD_S), 2)  # and not behind twenty others, half a second each

    asyncio.run(run())


@pytest.mark.parametrize("limit", [{"requests_per_minute": 60}, {"tokens_per_minute": 6_000}])
def test_a_call_that_was_never_sent_gives_its_permit_back(clock, limit):
    async def run():
        limiter = limiter_of(clock, **limit)
        for _ in range(20):
            await limiter.release(await limiter.acquire(HOLD_S), None)
        return clock.now

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize("waits_for", [{"concurrency": 1}, {"requests_per_minute": 60}])
def test_a_spent_budget_turns_away_all_who_wait_at_once(waits_for):
    async def run():
        limiter = limiter_of(max_tokens=50, **waits_for)
        lease = await limiter.acquire(HOLD_S)
        waiting = [asyncio.create_task(limiter.acquire(HOLD_S)) for _ in range(5)]
        await asyncio.sleep(0.05)
        await limiter.release(lease, Tokens(100))
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)

    assert [type(r) for r in asyncio.run(run())] == [BudgetSpent] * 5


def test_the_budget_is_one_for_all_endpoints_and_event_loops_and_rates_are_each_endpoints_own():
    job = LocalJob(Budget(250))
    one, other = (Place(name, limits_of(concurrency=1)) for name in "ab")

    async def call(place):
        lease = await asyncio.wait_for(job.acquire(place, HOLD_S, Tokens()), 5)
        return lambda: job.release(place, lease, Tokens(100))

    async def both():
        for end in [await call(one), await call(other)]:  # the slot of the one is none of the other's
            await end()
        with pytest.raises(asyncio.TimeoutError):
            await call(one)
            await asyncio.wait_for(job.acquire(one, HOLD_S, Tokens()), 0.05)

    async def later():
        await (await call(other))()
        with pytest.raises(BudgetSpent):
            await call(one)

    asyncio.run(both())
    asyncio.run(later())


def test_a_limiter_made_anew_goes_on_from_what_its_workers_know():
    place = Place("a", limits_of())

    async def run():
        worker = JobLimiter(Budget(250))
        for _ in range(2):
            await worker.release(place, await worker.acquire(place, HOLD_S), Tokens(100))
        worker._here = LocalJob(worker.budget)
        await worker.release(place, await worker.acquire(place, HOLD_S), Tokens(100))
        with pytest.raises(BudgetSpent, match="300 tokens used"):
            await worker.acquire(place, HOLD_S)

    asyncio.run(run())


def use_up(judge, request, most=40):
    """Tokens used until the budget turns a judgement away, and that judgement."""

    async def run():
        used = 0
        for _ in range(most):
            judgement = await judge.label(request)
            used += judgement.usage.prompt_tokens + judgement.usage.completion_tokens
            if judgement.failure:
                return used, judgement
        raise AssertionError(f"{used} tokens in {most} judgements, and none was turned away")

    return asyncio.run(run())


def test_the_members_of_an_ensemble_share_one_budget(options_of, request_of):
    with FakeJudgeServer() as a, FakeJudgeServer() as b, FakeJudgeServer() as c:
        members = {
            name: {"name": "openai", "openai": {"base_url": server.base_url, "model": name}}
            for name, server in {"a": a, "b": b, "c": c}.items()
        }
        used, judgement = use_up(
            get_judge(options_of(name="ensemble", members=members, max_tokens=5_000)), request_of()
        )
        each, _ = use_up(get_judge(options_of(name="openai", openai__base_url=a.base_url, max_tokens=1)), request_of())
    assert judgement.failure == "token_budget" and "a: token_budget" in judgement.detail
    assert 5_000 <= used < 5_000 + 3 * each, "the members' calls under way are let finish, no more"


def test_the_members_at_one_endpoint_share_its_limits(options_of, request_of):
    with FakeJudgeServer(latency_s=0.05) as server:
        own = {"name": "openai", "openai": {"base_url": server.base_url}}
        judge = get_judge(options_of(name="ensemble", members={key: own for key in "abc"}, limits__concurrency=2))

        async def run():
            return await asyncio.gather(*(judge.label(request_of()) for _ in range(4)))

        assert all(j.labels for j in asyncio.run(run()))
    assert server.peak == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_tokens", 5), ("max_cost", 1.0), ("price_per_million", {"prompt": 1.0}), ("skip", "right")],
)
def test_what_is_one_for_all_members_cannot_be_a_members_own(options_of, option, value):
    members = {"a": {"name": "overlap"}, "b": {"name": "overlap", option: value}, "c": {"name": "overlap"}}
    with pytest.raises(ValueError, match=rf"mrpo\.judge\.members\.b\.{option} is one for all members"):
        get_judge(options_of(name="ensemble", members=members))


def test_money_over_the_wire_turns_into_failures(options_of, request_of):
    prices = {"price_per_million__prompt": 1.0, "price_per_million__completion": 4.0}
    with FakeJudgeServer() as server:
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, max_cost=1e-3, **prices))
        used, judgement = use_up(judge, request_of())
    assert judgement.failure == "cost_budget" and "mrpo.judge.max_cost=0.001" in judgement.detail
    assert len(server.requests) == 1 and used * 4.0 >= 1_000


@pytest.mark.parametrize("image", [None, "image"])
def test_tokens_that_an_endpoint_does_not_report_are_estimated_and_counted(options_of, request_of, caplog, image):
    data = io.BytesIO()
    Image.new("L", (64, 64)).save(data, "PNG")
    request = request_of(image=data.getvalue() if image else None)
    with FakeJudgeServer(script=["ok", "no_usage", "no_usage"]) as server:
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url))

        async def run():
            return [await judge.label(request) for _ in range(3)]

        told, *guessed = asyncio.run(run())
    assert told.usage.estimated_calls == 0 and [j.usage.estimated_calls for j in guessed] == [1, 1]
    for judgement in guessed:
        text_tokens = judgement.usage.prompt_tokens - (1024 if image else 0)
        characters = sum(len(part) for part in texts_of(server.requests[0]["messages"]))
        assert text_tokens == pytest.approx(characters / 3, abs=1)
        assert told.usage.completion_tokens <= judgement.usage.completion_tokens <= 2048, (
            "the whole body, bounded by max_tokens"
        )
    assert caplog.text.count("does not say how many tokens") == 1


def texts_of(messages):
    for message in messages:
        content = message["content"]
        yield from [content] if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"]


@pytest.mark.parametrize(
    ("limit", "calls"), [({"max_tokens": 10}, 1), ({"max_tokens": 2_500}, 2), ({"limits__tokens_per_minute": 60}, 1)]
)
def test_limits_hold_where_the_endpoint_reports_no_tokens(options_of, request_of, limit, calls):
    """About 1,900 tokens a call."""
    with FakeJudgeServer(faults={"no_usage": 1.0}) as server:
        node = {"openai__base_url": server.base_url, "limits__tokens_per_call": 60, **limit}

        async def one_by_one():
            judge = get_judge(options_of(name="openai", **node))
            for _ in range(20):
                await judge.label(request_of())

        async def run():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(one_by_one(), 2)

        asyncio.run(run())
    assert len(server.requests) == calls


def test_a_budget_over_the_wire_turns_into_failures(options_of, request_of):
    with FakeJudgeServer() as server:

        async def run():
            judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, max_tokens=1))
            return [await judge.label(request_of()) for _ in range(3)]

        judgements = asyncio.run(run())
    assert [j.failure for j in judgements] == [None, "token_budget", "token_budget"]
    assert len(server.requests) == 1


def test_a_job_wide_concurrency_holds_over_all_calls_of_a_judge(options_of, request_of):
    with FakeJudgeServer(latency_s=0.05) as server:

        async def run():
            judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2))
            return await asyncio.gather(*(judge.label(request_of()) for _ in range(8)))

        assert all(j.labels for j in asyncio.run(run()))
        assert server.peak == 2


@pytest.mark.parametrize(
    ("failures", "judged", "rate", "stops", "why"),
    [
        ({}, 0, 0.5, False, "nothing was judged"),
        ({}, 64, 0.0, False, "none failed"),
        ({"timeout": 32}, 64, 0.5, False, "exactly the rate"),
        ({"timeout": 30, "http_500": 3}, 64, 0.5, True, "above the rate"),
        ({"timeout": 64}, 64, 1.0, False, "never"),
        ({"timeout": 1}, 64, 0.0, True, "none is borne"),
    ],
)
def test_too_many_failures_stop_the_run_with_their_kinds(failures, judged, rate, stops, why):
    report = failure_report(failures, judged, max_failure_rate=rate)
    assert (report is not None) == stops, why
    if report:
        assert "mrpo.judge.max_failure_rate" in report and all(f"{k} x{n}" in report for k, n in failures.items())


@pytest.mark.parametrize(
    ("tokens", "cost", "refused", "limits", "says"),
    [
        (5, None, {}, (None, None), None),
        (5, None, {}, (6, None), None),
        (6, None, {}, (6, None), "mrpo.judge.max_tokens=6 is spent"),
        (7, 0.5, {}, (6, 1.0), "mrpo.judge.max_tokens=6 is spent"),
        (5, 0.5, {}, (6, 1.0), None),
        (5, 1.0, {}, (6, 1.0), "mrpo.judge.max_cost=1.0 is spent"),
        (5, 0.5, {"token_budget": 2, "timeout": 1}, (6, None), "2 judgements of this batch were refused"),
        (5, 0.5, {"cost_budget": 1}, (6, 1.0), "mrpo.judge.max_cost=1.0 is spent"),
    ],
)
def test_a_spent_budget_stops_the_run(tokens, cost, refused, limits, says):
    report = budget_report(tokens, cost, refused, max_tokens=limits[0], max_cost=limits[1])
    assert report is None if says is None else says in report
