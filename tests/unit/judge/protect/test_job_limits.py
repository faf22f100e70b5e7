"""One account and one limiter an endpoint, for all judges of a job."""

from __future__ import annotations

import asyncio
import random

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, Tokens
from recipe.mrpo.judge.protect.job_limits import EndpointKey, InProcessLimits, JobLimits
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.protect.limiters import HOLD_S, limits_of


def test_the_budget_is_one_for_all_endpoints_and_event_loops_and_rates_are_each_endpoints_own():
    job, used = InProcessLimits(Budget(350)), [0]
    one, other = (EndpointKey(name, limits_of(concurrency=1)) for name in "ab")

    async def call(endpoint):
        lease = await asyncio.wait_for(job.acquire(endpoint, HOLD_S, {}), 300)
        used[0] += 100
        return lambda: job.release(endpoint, lease, Tokens(100), {"me": Tokens(used[0])})

    async def both():
        for end in [await call(one), await call(other)]:  # the slot of the one is none of the other's
            await end()
        with pytest.raises(asyncio.TimeoutError):
            await call(one)
            await asyncio.wait_for(job.acquire(one, HOLD_S, {}), 0.05)

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


@pytest.mark.parametrize("seed", range(20))
def test_no_token_is_lost_or_doubled_however_often_the_limits_are_made_anew(seed):
    """Workers hold leases of limiters that are gone, and tell the new ones in any order."""
    rng = random.Random(seed)
    endpoint = EndpointKey("a", limits_of(concurrency=4))

    async def run():
        keeper = InProcessLimits(Budget(10**9))
        workers = [JobLimits(Budget(10**9)) for _ in range(5)]
        held, used = [], 0
        for _ in range(300):
            if rng.random() < 0.05:
                keeper = InProcessLimits(Budget(10**9))
            worker = rng.choice(workers)
            worker._here = keeper  # as all of them ask one actor
            if held and rng.random() < 0.5:
                worker, lease = held.pop(rng.randrange(len(held)))
                worker._here = keeper
                tokens = Tokens(rng.randrange(1000), rng.randrange(100))
                used += tokens.both
                await worker.release(endpoint, lease, tokens)
            elif len(held) < 4:
                held.append((worker, await worker.acquire(endpoint, HOLD_S)))
        for worker, lease in held:  # a lease that is held would keep the rounds below waiting until it runs out
            worker._here = keeper
            await worker.release(endpoint, lease, None)
        for worker in workers:  # the last keeper hears of each
            worker._here = keeper
            await worker.release(endpoint, await worker.acquire(endpoint, HOLD_S), None)
        return keeper.account.used.both, used

    known, used = asyncio.run(run())
    assert known == used


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
