"""Judgements that are cancelled, once or twice, in any tick of their wait: no slot is lost."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from recipe.mrpo.judge.protect.breaker import CircuitBreaker, Permit
from recipe.mrpo.judge.protect.budget import Budget
from recipe.mrpo.judge.protect.job_limits import EndpointKey, JobLimits
from tests.unit.judge.protect.limiters import HOLD_S, Clock, limits_of

TICKS = range(12)


async def ticks(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def ended(tasks):
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome


class Job:
    """One endpoint with one slot, and judgements as the chat judge makes them: lease, call, release."""

    def __init__(self):
        self.limits = JobLimits(Budget())
        self.endpoint = EndpointKey("a", limits_of(concurrency=1))
        self.breaker = CircuitBreaker(failures=3, pause_s=1, clock=Clock())
        self.under_way = self.most = 0

    async def judgement(self, *, lasts=2):
        lease = await Permit(self.breaker).wait(
            self.limits.acquire(self.endpoint, HOLD_S),
            give_back=lambda lease: self.limits.release(self.endpoint, lease, None),
        )
        try:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await ticks(lasts)
        finally:
            self.under_way -= 1
            await self.limits.release(self.endpoint, lease, None)

    async def slot_is_free(self):
        await ticks(30)
        lease = await asyncio.wait_for(self.limits.acquire(self.endpoint, HOLD_S), 300)
        await self.limits.release(self.endpoint, lease, None)


@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("first", TICKS)
def test_a_judgement_cancelled_in_any_tick_loses_no_slot(first, others):
    async def run():
        for second in (None, *TICKS):
            job = Job()
            around = [asyncio.create_task(job.judgement()) for _ in range(others)]
            task = asyncio.create_task(job.judgement())
            await ticks(first)
            task.cancel()
            if second is not None:
                await ticks(second)
                task.cancel()
            await ended([*around, task])
            await job.slot_is_free()
            assert job.most <= 1 and job.under_way == 0, (first, second)

    asyncio.run(run())


def test_hundreds_of_judgements_cancelled_twice_leave_all_slots():
    async def run():
        job = Job()
        tasks = [asyncio.create_task(job.judgement(lasts=n % 3)) for n in range(400)]
        for n, (task, pause) in enumerate(zip(tasks, itertools.cycle((0, 1, 2, 3, 5)), strict=False)):
            if n % 4:
                task.cancel()
                await ticks(pause)
                task.cancel()
        await ended(tasks)
        await job.slot_is_free()
        assert sum(not task.cancelled() for task in tasks) >= 100 and job.most == 1

    asyncio.run(run())


def test_a_breaker_that_opens_in_any_tick_loses_no_slot():
    async def run():
        for tick in TICKS:
            job = Job()
            tasks = [asyncio.create_task(job_or_none(job)) for _ in range(3)]
            await ticks(tick)
            for _ in range(3):
                job.breaker.record(Permit(job.breaker), outage=True)
            await asyncio.gather(*tasks)
            await job.slot_is_free()

    async def job_or_none(job):
        lease = await Permit(job.breaker).wait(job.limits.acquire(job.endpoint, HOLD_S))
        if lease is not None:
            await ticks(2)
            await job.limits.release(job.endpoint, lease, None)

    asyncio.run(run())
