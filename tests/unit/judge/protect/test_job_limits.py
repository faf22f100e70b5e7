"""One account and one limiter an endpoint, for all judges of a job."""

from __future__ import annotations

import asyncio

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, Tokens
from recipe.mrpo.judge.protect.job_limits import EndpointKey, InProcessLimits, JobLimits
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.protect.limiters import HOLD_S, limits_of


def test_the_budget_is_one_for_all_endpoints_and_event_loops_and_rates_are_each_endpoints_own():
    job = InProcessLimits(Budget(250))
    one, other = (EndpointKey(name, limits_of(concurrency=1)) for name in "ab")

    async def call(endpoint):
        lease = await asyncio.wait_for(job.acquire(endpoint, HOLD_S, Tokens()), 5)
        return lambda: job.release(endpoint, lease, Tokens(100))

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
    endpoint = EndpointKey("a", limits_of())

    async def run():
        worker = JobLimits(Budget(250))
        for _ in range(2):
            await worker.release(endpoint, await worker.acquire(endpoint, HOLD_S), Tokens(100))
        worker._here = InProcessLimits(worker.budget)
        await worker.release(endpoint, await worker.acquire(endpoint, HOLD_S), Tokens(100))
        with pytest.raises(BudgetSpent, match="300 tokens used"):
            await worker.acquire(endpoint, HOLD_S)

    asyncio.run(run())


def test_the_members_at_one_endpoint_share_its_limits(options_of, request_of):
    with FakeJudgeServer(latency_s=0.05) as server:
        own = {"name": "openai", "openai": {"base_url": server.base_url}}
        judge = get_judge(options_of(name="ensemble", members={key: own for key in "abc"}, limits__concurrency=2))

        async def run():
            return await asyncio.gather(*(judge.label(request_of()) for _ in range(4)))

        assert all(j.labels for j in asyncio.run(run()))
    assert server.peak == 2


def test_a_job_wide_concurrency_holds_over_all_calls_of_a_judge(options_of, request_of):
    with FakeJudgeServer(latency_s=0.05) as server:

        async def run():
            judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2))
            return await asyncio.gather(*(judge.label(request_of()) for _ in range(8)))

        assert all(j.labels for j in asyncio.run(run()))
        assert server.peak == 2
