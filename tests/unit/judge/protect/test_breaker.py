"""A judge that is down is left alone, and found again: the breaker by itself, and many rollouts over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from recipe.mrpo.endpoint.outage import is_outage
from recipe.mrpo.judge import Judgement, Usage, get_judge
from recipe.mrpo.judge.protect.breaker import CircuitBreaker, GuardedJudge, Permit
from tests.fake_judge_server import FakeJudgeServer


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def breaker_of(clock):
    return CircuitBreaker(failures=2, pause_s=10, clock=clock)


def pass_through(breaker, *, outage):
    permit = Permit(breaker)
    assert permit.may_call()
    breaker.record(permit, outage=outage)


def test_a_breaker_opens_after_outages_in_a_row_and_one_probe_decides():
    clock = Clock()
    breaker = breaker_of(clock)
    for outage in (True, False, True):
        pass_through(breaker, outage=outage)
    assert not breaker.is_open, "a good reply between two outages starts the count anew"
    pass_through(breaker, outage=True)
    assert breaker.is_open and not Permit(breaker).may_call()
    clock.now = 10
    probe = Permit(breaker)
    assert probe.may_call() and not Permit(breaker).may_call(), "one probe, not two"
    assert probe.may_call() and not probe.may_retry(), "it may ask again what it may, but tries once"
    breaker.record(probe, outage=True)
    assert not Permit(breaker).may_call(), "the probe failed: another pause"
    clock.now = 20
    pass_through(breaker, outage=False)
    assert not breaker.is_open and Permit(breaker).may_call() and Permit(breaker).may_call()


def test_a_probe_without_an_outcome_does_not_block_the_next():
    clock = Clock()
    breaker = breaker_of(clock)
    pass_through(breaker, outage=True)
    pass_through(breaker, outage=True)
    clock.now = 10
    pass_through(breaker, outage=None)
    assert Permit(breaker).may_call()


@pytest.mark.parametrize("late", [True, None])
def test_only_the_outcome_of_the_probe_itself_ends_the_probing(late):
    clock = Clock()
    breaker = breaker_of(clock)
    early = [Permit(breaker) for _ in range(4)]
    assert all(p.may_call() for p in early)
    breaker.record(early[0], outage=True)
    breaker.record(early[1], outage=True)
    assert not early[2].may_call() and not early[2].may_retry(), "whoever is under way stops, too"
    clock.now = 10
    probe = Permit(breaker)
    assert probe.may_call()
    breaker.record(early[2], outage=late)
    assert not Permit(breaker).may_call(), "the probe is still out"
    breaker.record(probe, outage=None)
    assert Permit(breaker).may_call(), "and what began before the pause does not make it longer"


def test_a_good_reply_to_an_early_request_closes_the_breaker():
    breaker = breaker_of(Clock())
    early = Permit(breaker)
    assert early.may_call()
    pass_through(breaker, outage=True)
    pass_through(breaker, outage=True)
    breaker.record(early, outage=False)
    assert not breaker.is_open


async def label_at_once(judge, request, count):
    return await asyncio.gather(*(judge.label(request) for _ in range(count)))


def test_rollouts_that_wait_for_a_slot_do_not_wait_for_every_timeout_of_a_hanging_judge(options_of, request_of):
    slots, retries, failures, timeout_s = 2, 1, 2, 1.0
    with FakeJudgeServer() as server:  # a process's first call takes longer than others
        first = get_judge(options_of(name="openai", openai__base_url=server.base_url))
        assert asyncio.run(first.label(request_of())).labels
    with FakeJudgeServer(faults={"hang": 1.0}) as server:
        node = {"openai__timeout_s": timeout_s, "openai__max_retries": retries, "openai__concurrency": slots,
                "breaker__failures": failures, "breaker__pause_s": 60}  # fmt: skip
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))
        start = time.monotonic()
        judgements = asyncio.run(label_at_once(judge, request_of(), 40))
        seconds = time.monotonic() - start
    timeouts = [j for j in judgements if j.failure == "timeout"]
    # Those whose outages opened it, and at most one call more in each other slot.
    assert failures <= len(timeouts) < failures + slots
    assert sum(j.failure == "circuit_open" for j in judgements) == 40 - len(timeouts)
    assert len(server.requests) == sum(j.usage.calls for j in judgements) <= failures * (1 + retries) + slots - 1
    assert seconds < 40 / slots * (1 + retries) * timeout_s / 2, "half of what every timeout would take"


def test_no_retry_is_made_once_the_breaker_is_open(options_of, request_of):
    with FakeJudgeServer(faults={"http_500": 1.0}) as server:
        node = {"openai__max_retries": 5, "openai__backoff_base_s": 0.2, "openai__backoff_max_s": 0.2,
                "breaker__failures": 1}  # fmt: skip
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))

        async def run():
            waiting = asyncio.create_task(judge.label(request_of()))
            while not server.requests:
                await asyncio.sleep(0.01)
            other = Permit(judge.judge.breaker)
            judge.judge.breaker.record(other, outage=True)
            return await waiting

        judgement = asyncio.run(run())
    assert (judgement.failure, judgement.usage.calls, judgement.usage.retries) == ("http_500", 1, 0), (
        "its own failure, not ours"
    )


def test_a_call_that_waited_for_its_rate_is_not_sent_when_the_breaker_has_opened(options_of, request_of):
    with FakeJudgeServer() as server:
        node = {"limits__requests_per_minute": 3, "breaker__failures": 1}  # a permit in twenty seconds
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))

        async def run():
            assert (await judge.label(request_of())).labels  # the burst
            waiting = asyncio.create_task(label_at_once(judge, request_of(), 2))
            await asyncio.sleep(0.1)
            judge.judge.breaker.record(Permit(judge.judge.breaker), outage=True)
            return await waiting

        assert [(j.failure, j.usage.calls) for j in asyncio.run(run())] == [("circuit_open", 0)] * 2
    assert len(server.requests) == 1


def test_judgements_that_wait_for_a_rate_fail_when_the_breaker_opens_and_the_probe_does_not_wait_behind_them(
    options_of, request_of
):
    with FakeJudgeServer() as server:
        node = {"limits__requests_per_minute": 20, "breaker__failures": 1, "openai__concurrency": 50}
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))
        clock = judge.judge.breaker.clock = Clock()

        async def run():
            assert (await judge.label(request_of())).labels  # the burst
            waiting = asyncio.create_task(label_at_once(judge, request_of(), 20))
            await asyncio.sleep(0.1)
            judge.judge.breaker.record(Permit(judge.judge.breaker), outage=True)
            start = time.monotonic()
            assert [(j.failure, j.usage.calls) for j in await waiting] == [("circuit_open", 0)] * 20
            assert time.monotonic() - start < 20, "a permit comes every three seconds, the last after sixty"
            clock.now = judge.judge.breaker.pause_s
            assert (await judge.label(request_of())).labels
            return time.monotonic() - start

        assert asyncio.run(run()) < 30, "behind the others it would be the twenty-first"
    assert len(server.requests) == 2


def test_who_waits_when_the_breaker_opens_goes_on_only_as_its_probe():
    async def run(pause_s):
        breaker = CircuitBreaker(failures=1, pause_s=pause_s, clock=Clock())
        waiting = [asyncio.create_task(Permit(breaker).wait(asyncio.sleep(0.1, "permit"))) for _ in range(3)]
        await asyncio.sleep(0.01)
        breaker.record(Permit(breaker), outage=True)
        late = asyncio.create_task(Permit(breaker).wait(asyncio.sleep(0.1, "permit")))
        return await asyncio.gather(*waiting, late)

    assert asyncio.run(run(10)) == [None] * 4
    assert asyncio.run(run(0)) == ["permit", None, None, None]


def test_a_request_that_is_cancelled_while_it_waits_cancels_its_wait():
    async def run():
        breaker, ended = breaker_of(Clock()), []

        async def wait():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(True)

        waiting = asyncio.create_task(Permit(breaker).wait(wait()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        await asyncio.sleep(0)
        return waiting.cancelled(), ended, breaker._told

    assert asyncio.run(run()) == (True, [True], [])


def test_after_the_pause_one_of_many_rollouts_probes_and_its_reply_lets_all_through(options_of, request_of):
    with FakeJudgeServer(faults={"http_500": 1.0}, latency_s=0.05) as server:
        node = {"openai__max_retries": 0, "openai__concurrency": 4, "breaker__failures": 2, "breaker__pause_s": 30}
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))
        clock = judge.judge.breaker.clock = Clock()

        async def at(now):
            clock.now = now
            return Counter(j.failure for j in await label_at_once(judge, request_of(), 20))

        async def run():
            down = await at(0)
            assert 2 <= down["http_500"] < 2 + 4 and down["circuit_open"] == 20 - down["http_500"]
            assert await at(29) == {"circuit_open": 20}
            assert await at(31) == {"http_500": 1, "circuit_open": 19}
            server._faults.clear()
            assert await at(32) == {"circuit_open": 20}, "the failed probe began another pause"
            assert await at(62) == {None: 1, "circuit_open": 19}
            assert await at(63) == {None: 20}

        asyncio.run(run())


def test_a_failed_probe_is_a_single_call(options_of, request_of):
    with FakeJudgeServer(faults={"http_503": 1.0}) as server:
        node = {"openai__max_retries": 3, "breaker__failures": 1, "breaker__pause_s": 0}
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url, **node))

        async def run():
            return [await judge.label(request_of()) for _ in range(3)]

        assert [(j.failure, j.usage.calls) for j in asyncio.run(run())] == [
            ("http_503", 4),
            ("http_503", 1),
            ("http_503", 1),
        ]


def test_a_judgement_stopped_by_our_own_limits_says_nothing_about_the_endpoint(request_of):
    class Spent:
        name = "spent"

        async def label(self, request):
            return Judgement(failure="token_budget", usage=Usage(calls=1))

        def cache_key(self, request):
            return b""

        async def close(self):
            return None

    breaker = breaker_of(Clock())
    pass_through(breaker, outage=True)
    asyncio.run(GuardedJudge(Spent(), breaker).label(request_of()))
    pass_through(breaker, outage=True)
    assert breaker.is_open, "two outages in a row: the one between was none of the endpoint's"


@pytest.mark.parametrize(
    ("failure", "outage"),
    [
        (None, False),
        ("timeout", True),
        ("connection", True),
        ("http_503", True),
        ("tls", True),
        ("http_500", True),
        ("http_502", True),
        ("http_301", True),
        ("http_401", True),
        ("http_429", True),
        ("http_408", True),
        ("http_400", False),
        ("http_403", False),  # gateways refuse a text so
        ("http_404", False),
        ("http_405", False),
        ("http_413", False),
        ("http_414", False),
        ("http_422", False),
        ("http_451", False),
        ("too_long", False),
        ("bad_image", False),
        ("exception", False),
        ("unparsable", False),
        ("too_many_steps", False),
        ("missing_step", False),
        ("token_budget", False),
    ],
)
def test_only_an_endpoint_that_does_not_work_is_an_outage(failure, outage):
    assert is_outage(failure) == outage


def test_a_judge_that_is_down_is_left_alone_and_found_again(options_of, request_of, caplog):
    script = ["http_500"] * 3 + ["ok"] * 9
    with FakeJudgeServer(script=script) as server:

        async def run():
            judge = get_judge(
                options_of(
                    name="openai",
                    openai__base_url=server.base_url,
                    openai__max_retries=0,
                    breaker__failures=3,
                    breaker__pause_s=0.5,
                )
            )
            early = [await judge.label(request_of()) for _ in range(3)]
            judge.judge.breaker.clock = lambda: judge.judge.breaker._opened_at + 0.1
            during = await judge.label(request_of())
            judge.judge.breaker.clock = lambda: judge.judge.breaker._opened_at + 0.6
            return early, during, await judge.label(request_of())

        early, during, late = asyncio.run(run())
    assert [j.failure for j in early] == ["http_500"] * 3
    assert (during.failure, during.usage.calls) == ("circuit_open", 0)
    assert late.labels == (0, 1, 0, 1)
    assert "is down (http_500)" in caplog.text and "is back" in caplog.text


@pytest.mark.parametrize("status", [400, 413, 422])
def test_rollouts_that_the_endpoint_refuses_do_not_shut_the_judge_for_others(options_of, request_of, status):
    with FakeJudgeServer(script=[f"http_{status}"] * 40 + ["ok"] * 5) as server:

        async def run():
            judge = get_judge(
                options_of(
                    name="openai", openai__base_url=server.base_url, openai__response_format="none", breaker__failures=5
                )
            )
            refused = [await judge.label(request_of()) for _ in range(40)]
            return refused, [await judge.label(request_of()) for _ in range(5)]

        refused, honest = asyncio.run(run())
    assert {j.failure for j in refused} == {f"http_{status}"}
    assert [j.labels for j in honest] == [(0, 1, 0, 1)] * 5
