"""The limits of a job hold over all its reward workers: real Ray actors, one endpoint."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.fake_judge_server import FakeJudgeServer

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

GOOD = ((0, 1, 0, 1), None)


def worker_class():
    """Made in a function, so that Ray sends it by value: test modules cannot be imported in its workers."""

    class Worker:
        """What a reward worker does: it makes its own judge and labels rollouts at once."""

        def __init__(self):
            self.judges = {}

        async def label(self, options, requests):
            from recipe.mrpo.judge import get_judge

            judge = self.judges.setdefault(str(options), get_judge(options))
            judgements = await asyncio.gather(*(judge.label(r) for r in requests))
            return [(j.labels, j.failure) for j in judgements]

    return ray.remote(num_cpus=0)(Worker)


@pytest.fixture(scope="module")
def workers():
    root = str(Path(__file__).parents[4])
    environment = {"env_vars": {"PYTHONPATH": root}}
    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield [worker_class().remote() for _ in range(3)]
    ray.shutdown()


def label(workers, options, request, calls):
    batches = ray.get([w.label.remote(options, [request] * calls) for w in workers], timeout=300)
    return [result for batch in batches for result in batch]


def test_concurrency_holds_over_all_workers(workers, options_of, request_of):
    with FakeJudgeServer(latency_s=0.1) as server:
        options = options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2)
        assert label(workers, options, request_of(), 6) == [GOOD] * 18
    assert server.peak == 2


def test_the_budget_is_the_jobs_not_the_workers(workers, options_of, request_of):
    with FakeJudgeServer() as server:
        # One call at a time, each of about 1,500 tokens: two of them spend the budget, for every worker.
        node = {"openai__base_url": server.base_url, "limits__concurrency": 1, "max_tokens": 2_000}
        results = label(workers, options_of(name="openai", **node), request_of(), 6)
    assert results.count(GOOD) == len(server.requests) == 2
    assert results.count((None, "token_budget")) == 16


def test_the_budget_is_one_for_all_members_of_an_ensemble_in_all_workers(workers, options_of, request_of):
    with FakeJudgeServer() as a, FakeJudgeServer() as b, FakeJudgeServer() as c:
        members = {
            name: {"name": "openai", "openai": {"base_url": server.base_url}}
            for name, server in {"a": a, "b": b, "c": c}.items()
        }
        # One call at a time at each endpoint, each of about 1,350 tokens.
        options = options_of(name="ensemble", members=members, limits__concurrency=1, max_tokens=5_000)
        results = label(workers, options, request_of(), 6)
        calls = sum(len(server.requests) for server in (a, b, c))
    assert 4 <= calls <= 4 + 2, "the fourth call reaches it, two others may be under way"
    assert results.count((None, "token_budget")) >= 16


def test_an_open_breaker_ends_the_waits_of_its_worker_for_the_jobs_rate(workers, options_of, request_of):
    with FakeJudgeServer(script=["http_500", "ok"]) as server:
        node = {"openai__max_retries": 0, "breaker__failures": 1, "limits__requests_per_minute": 3}
        options = options_of(name="openai", openai__base_url=server.base_url, **node)
        label(workers[:2], options, request_of(), 0)  # the judges are made
        start = time.monotonic()
        down = label(workers[:1], options, request_of(), 20)
        assert sorted(failure for _, failure in down) == ["circuit_open"] * 19 + ["http_500"]
        assert time.monotonic() - start < 15, "a permit comes every twenty seconds"
        assert label(workers[1:2], options, request_of(), 1) == [GOOD]
        assert time.monotonic() - start < 35, "and the next one is the other worker's"


def test_a_limiter_that_died_is_made_anew_with_what_was_spent(workers, options_of, request_of):
    from recipe.mrpo.judge.protect.budget import Budget
    from recipe.mrpo.judge.protect.job_limits import JobLimits

    with FakeJudgeServer() as server:
        options = options_of(name="openai", openai__base_url=server.base_url, max_tokens=2_001)
        assert label(workers[1:2], options, request_of(), 1) == [GOOD]
        ray.kill(ray.get_actor(JobLimits(Budget(2_001)).actor_name))
        assert label(workers[1:2], options, request_of(), 1) == [GOOD]
        assert label(workers[1:2], options, request_of(), 1) == [(None, "token_budget")]
    assert len(server.requests) == 2


def test_the_limits_outlive_the_worker_that_made_them(workers, options_of, request_of):
    with FakeJudgeServer() as server:
        options = options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2)
        for worker in workers[:2]:
            assert label([worker], options, request_of(), 1) == [GOOD]
        ray.kill(workers[0])
        for _ in range(2):
            assert label([workers[1]], options, request_of(), 1) == [GOOD]
