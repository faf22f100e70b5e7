"""Rates and slots of one endpoint: the limiter by itself."""

from __future__ import annotations

import asyncio

import pytest

from recipe.mrpo.judge.protect.budget import Tokens
from recipe.mrpo.judge.protect.rate import TokenBucket
from tests.unit.judge.protect.limiters import HOLD_S, Clock, limiter_of


def test_a_third_call_waits_for_one_of_two_slots():
    async def run():
        limiter = limiter_of(concurrency=2)
        first, _ = await limiter.acquire(HOLD_S), await limiter.acquire(HOLD_S)
        third = asyncio.create_task(limiter.acquire(HOLD_S))
        await asyncio.sleep(0.05)
        assert not third.done()
        await limiter.release(first, Tokens())
        await asyncio.wait_for(third, 60)

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
        lease = await asyncio.wait_for(limiter.acquire(300), 300)
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
def test_calls_beyond_a_rate_wait(clock, limit, why, at_once):
    async def run():
        limiter = limiter_of(clock, **limit)

        async def call():
            await limiter.release(await limiter.acquire(HOLD_S), Tokens(90, 10))

        if at_once:
            await asyncio.gather(*(call() for _ in range(30)))
        else:
            for _ in range(30):
                await call()
        return clock.now

    # A burst of 20 passes at once, ten more take half a second.
    assert asyncio.run(run()) == pytest.approx(0.5, abs=0.02), why


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
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting) and set(limiter._leases) == set(held)
        await limiter.release(held[0], Tokens(100))
        await asyncio.wait_for(limiter.acquire(HOLD_S), 9)  # and not behind twenty others, half a second each

    asyncio.run(run())


@pytest.mark.parametrize("limit", [{"requests_per_minute": 60}, {"tokens_per_minute": 6_000}])
def test_a_call_that_was_never_sent_gives_its_permit_back(clock, limit):
    async def run():
        limiter = limiter_of(clock, **limit)
        for _ in range(20):
            await limiter.release(await limiter.acquire(HOLD_S), None)
        return clock.now

    assert asyncio.run(run()) == 0
