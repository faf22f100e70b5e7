"""Calls to a judge that is down are paused for a while, so that a run does not wait for every timeout in turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar, runtime_checkable

from recipe.mrpo.endpoint.outage import is_outage
from recipe.mrpo.judge.protect.background import in_background
from recipe.mrpo.judge.protect.budget import OVER_BUDGET
from recipe.mrpo.judge.protocol import CacheableJudge, Judgement, JudgeRequest

logger = logging.getLogger(__name__)
T = TypeVar("T")

CIRCUIT_OPEN = "circuit_open"
OWN_LIMITS = (CIRCUIT_OPEN, *OVER_BUDGET, "limiter_lost")
"""Failures by our own limits: they say nothing about the endpoint."""


class CircuitBreaker:
    """Closed: all pass. After `failures` outages in a row: open, none pass for `pause_s`; then one probe decides.

    What began before it opened may still end: a good reply closes it, one more outage changes nothing.
    """

    def __init__(self, *, failures: int, pause_s: float, clock: Callable[[], float]) -> None:
        self.failures, self.pause_s, self.clock = failures, pause_s, clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probe: Permit | None = None
        self._told: list[Callable[[], None]] = []

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def admit(self, permit: Permit) -> bool:
        """May this request call now? After the pause exactly one may, until its own outcome is known."""
        if self._opened_at is None or permit is self._probe:
            return True
        if self._probe is not None or self.clock() - self._opened_at < self.pause_s:
            return False
        self._probe = permit
        return True

    def record(self, permit: Permit, *, outage: bool | None) -> None:
        """How a request ended; None: nothing is learned about the endpoint (cancelled, never sent, our limits)."""
        probed = permit is self._probe
        if probed:
            self._probe = None
        if outage is None:
            return
        if not outage:
            self._in_a_row, self._opened_at = 0, None
            return
        self._in_a_row += 1
        if probed or (self._opened_at is None and self._in_a_row >= self.failures):
            self._opened_at = self.clock()
            for tell in tuple(self._told):
                tell()

    @contextlib.contextmanager
    def telling(self, tell: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `tell` is called whenever this breaker opens."""
        self._told.append(tell)
        try:
            yield
        finally:
            self._told.remove(tell)


class Permit:
    """One request on its way through a breaker: it asks before every call, and reports its outcome at the end."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self.breaker = breaker

    @property
    def refusal(self) -> str:
        return f"{self.breaker.failures} outages in a row; waiting"

    def may_call(self) -> bool:
        return self.breaker.admit(self)

    def may_retry(self) -> bool:
        """May a failed call be tried again? Not while the breaker is open: a probe is one try."""
        return not self.breaker.is_open

    async def wait(
        self, waiting: Coroutine[Any, Any, T], *, give_back: Callable[[T], Coroutine[Any, Any, Any]] | None = None
    ) -> T | None:
        """The result of `waiting`; None, and it is cancelled, as soon as this request may not call any more.

        A request that is itself cancelled here, once or often, takes nothing: a result that had come already goes to
        `give_back`.
        """
        task = asyncio.ensure_future(waiting)

        def ask() -> None:
            if not self.may_call():
                task.cancel()

        with self.breaker.telling(ask):
            ask()
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
                in_background(_undo(task, give_back))
                raise
        return None if task.cancelled() else task.result()


async def _undo(task: asyncio.Task[T], give_back: Callable[[T], Coroutine[Any, Any, Any]] | None) -> None:
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None and give_back is not None:
        await give_back(task.result())


@runtime_checkable
class WaitingJudge(CacheableJudge, Protocol):
    """A judge whose requests wait (for a slot, for a rate, before a retry): it asks `may_call` after each, or `wait`s.

    A request that may not call any more fails as circuit_open, or as its last call did.
    """

    async def label_with_permit(self, permit: Permit, request: JudgeRequest) -> Judgement: ...


def _outcome(judgement: Judgement) -> bool | None:
    """Was it an outage? None: it says nothing about the endpoint."""
    if judgement.usage.calls == 0 or judgement.failure in OWN_LIMITS:
        return None
    return is_outage(judgement.failure)


class GuardedJudge:
    """A judge behind a breaker; while it is open, judgements fail at once with the kind circuit_open."""

    def __init__(self, judge: CacheableJudge, breaker: CircuitBreaker) -> None:
        self.judge, self.breaker = judge, breaker
        self.name = getattr(judge, "name", type(judge).__name__)
        self._waiting = judge if isinstance(judge, WaitingJudge) else None

    async def label(self, request: JudgeRequest) -> Judgement:
        permit = Permit(self.breaker)
        if not permit.may_call():
            return Judgement(failure=CIRCUIT_OPEN, detail=permit.refusal)
        outage: bool | None = None
        said: str | None = ""
        try:
            if self._waiting is not None:
                judgement = await self._waiting.label_with_permit(permit, request)
            else:
                judgement = await self.judge.label(request)
            outage, said = _outcome(judgement), judgement.failure
        finally:
            self._record(permit, outage, said)
        return judgement

    def _record(self, permit: Permit, outage: bool | None, failure: str | None) -> None:
        was_open = self.breaker.is_open
        self.breaker.record(permit, outage=outage)
        if self.breaker.is_open and not was_open:
            logger.warning("judge %s is down (%s): pausing %g s", self.name, failure, self.breaker.pause_s)
        elif was_open and not self.breaker.is_open:
            logger.warning("judge %s is back", self.name)

    def cache_key(self, request: JudgeRequest) -> bytes:
        return self.judge.cache_key(request)

    async def close(self) -> None:
        await self.judge.close()


def guarded(judge: CacheableJudge, *, failures: int, pause_s: float) -> GuardedJudge:
    return GuardedJudge(judge, CircuitBreaker(failures=failures, pause_s=pause_s, clock=time.monotonic))
