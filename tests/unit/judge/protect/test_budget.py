"""The budget of a job: by itself, and judges over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protect.account import TokenAccount
from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, CostSpent, Tokens
from recipe.mrpo.judge.protect.job_limits import EndpointKey, JobLimits
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.protect.limiters import HOLD_S, limits_of


def test_a_budget_of_money_needs_prices(options_of):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.max_cost needs mrpo\.judge\.price_per_million"):
        get_judge(options_of(name="openai", max_cost=1.0))


def test_a_spent_budget_ends_calls():
    async def run():
        job, endpoint = JobLimits(Budget(250)), EndpointKey("a", limits_of())
        for _ in range(3):
            await job.release(endpoint, await job.acquire(endpoint, HOLD_S), Tokens(60, 40))
        with pytest.raises(BudgetSpent, match=r"mrpo\.judge\.max_tokens=250"):
            await job.acquire(endpoint, HOLD_S)

    asyncio.run(run())


def test_a_budget_of_money_counts_by_the_prices():
    account = TokenAccount(Budget(None, 1.0, prompt_price=2.0, completion_price=8.0))
    account.learn({"a": Tokens(100_000, 50_000), "b": Tokens(0, 49_999)})
    account.check()
    account.learn({"b": Tokens(0, 50_000)})
    with pytest.raises(CostSpent, match=r"mrpo\.judge\.max_cost=1"):
        account.check()


@pytest.mark.parametrize("waits_for", [{"concurrency": 1}, {"requests_per_minute": 60}])
def test_a_spent_budget_turns_away_all_who_wait_at_once(waits_for):
    async def run():
        job, endpoint = JobLimits(Budget(50)), EndpointKey("a", limits_of(**waits_for))
        lease = await job.acquire(endpoint, HOLD_S)
        waiting = [asyncio.create_task(job.acquire(endpoint, HOLD_S)) for _ in range(5)]
        await asyncio.sleep(0.05)
        await job.release(endpoint, lease, Tokens(100))
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 300)

    assert [type(r) for r in asyncio.run(run())] == [BudgetSpent] * 5


PRICES = {"prompt_price": 1.0, "completion_price": 10.0}


@pytest.mark.parametrize(
    ("budget", "together"),
    [(Budget(300), 3), (Budget(3_000), 30), (Budget(100_000), 64), (Budget(None, 0.005, **PRICES), 5)],
)
def test_a_budget_is_overspent_by_about_one_call_however_many_come_at_once(budget, together):
    """Each call uses 120 tokens; 100 are expected of the first ones, so that the first wave may use a fifth more."""

    async def run():
        job, endpoint = JobLimits(budget), EndpointKey("a", limits_of())
        used = under_way = most_under_way = 0

        async def call():
            nonlocal used, under_way, most_under_way
            lease = await job.acquire(endpoint, HOLD_S)
            under_way += 1
            most_under_way = max(most_under_way, under_way)
            await asyncio.sleep(0)
            used += 120
            under_way -= 1
            await job.release(endpoint, lease, Tokens(100, 20))

        for _ in range(20):
            given = await asyncio.gather(*(call() for _ in range(64)), return_exceptions=True)
            assert all(result is None or isinstance(result, BudgetSpent) for result in given)
        with pytest.raises(BudgetSpent):
            while True:
                await call()
        return used, most_under_way

    used, most_together = asyncio.run(asyncio.wait_for(run(), 60))
    spent = budget.max_tokens or budget.max_cost * 1e6 / 300 * 120
    assert spent <= used <= 1.2 * spent + 120
    assert most_together == together, "far from its end nobody waits"


def test_a_call_that_never_ends_is_expected_to_use_tokens_only_until_its_slot_comes_back():
    async def run():
        job, endpoint = JobLimits(Budget(150)), EndpointKey("a", limits_of())
        await job.acquire(endpoint, 0.05)  # its worker died; 100 tokens are expected of it
        await asyncio.wait_for(job.acquire(endpoint, HOLD_S), 300)

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
    assert judgement.failure == "token_budget" and ": token_budget" in judgement.detail
    assert 5_000 <= used < 5_000 + 3 * each, "the members' calls under way are let finish, no more"


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_tokens", 5), ("max_cost", 1.0), ("price_per_million", {"prompt": 1.0}), ("ask_for", "needed")],
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


def test_a_budget_over_the_wire_turns_into_failures(options_of, request_of):
    with FakeJudgeServer() as server:

        async def run():
            judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, max_tokens=1))
            return [await judge.label(request_of()) for _ in range(3)]

        judgements = asyncio.run(run())
    assert [j.failure for j in judgements] == [None, "token_budget", "token_budget"]
    assert len(server.requests) == 1
