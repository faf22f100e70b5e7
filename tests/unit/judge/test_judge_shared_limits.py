"""The limits of a job hold over all its reward workers: real Ray actors, one endpoint."""

from __future__ import annotations

import asyncio

import pytest

from tests.fake_judge_server import FakeJudgeServer

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

WORKERS, CALLS = 3, 6


class Worker:
    """What a reward worker does: it makes its own judge and labels rollouts at once."""

    def __init__(self, options):
        from recipe.mrpo.judge import get_judge

        self.judge = get_judge(options)

    async def label(self, requests):
        judgements = await asyncio.gather(*(self.judge.label(r) for r in requests))
        return [(j.labels, j.failure) for j in judgements]


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def run(options, request, workers):
    actors = [ray.remote(num_cpus=0)(Worker).remote(options) for _ in range(workers)]
    requests = [request] * CALLS
    return actors, [r for batch in ray.get([a.label.remote(requests) for a in actors], timeout=120) for r in batch]


def test_concurrency_holds_over_all_workers(cluster, options_of, request_of):
    with FakeJudgeServer(latency_s=0.1) as server:
        options = options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2)
        _, results = run(options, request_of(), WORKERS)
    assert results == [((0, 1, 0, 1), None)] * (WORKERS * CALLS)
    assert server.peak == 2


def test_the_budget_is_the_jobs_not_the_workers(cluster, options_of, request_of):
    with FakeJudgeServer() as server:
        # The first calls go out together; from then on the budget is spent for every worker.
        node = {"name": "openai", "openai__base_url": server.base_url, "limits__concurrency": 1, "max_tokens": 3_000}
        _, results = run(options_of(**node), request_of(), WORKERS)
    good = [r for r in results if r[0] is not None]
    assert 1 <= len(good) == len(server.requests) <= 3
    assert {r[1] for r in results} == {None, "token_budget"}


def test_the_limits_outlive_the_worker_that_made_them(cluster, options_of, request_of):
    with FakeJudgeServer() as server:
        options = options_of(name="openai", openai__base_url=server.base_url, limits__concurrency=2)
        actors, _ = run(options, request_of(), 2)
        ray.kill(actors[0])
        for _ in range(2):
            assert ray.get(actors[1].label.remote([request_of()]), timeout=60) == [((0, 1, 0, 1), None)]
