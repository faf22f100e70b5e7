"""A judge that is down is left alone for a while, so that a run does not wait for every timeout in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from recipe.mrpo.judge.protocol import CacheableJudge, Judgement, JudgeRequest

logger = logging.getLogger(__name__)


class CircuitBreaker:
    """Closed: all pass. After `failures` outages in a row: open, none pass for `pause_s`; then one probe decides."""

    def __init__(self, *, failures: int, pause_s: float, clock: Callable[[], float]) -> None:
        if failures < 1 or pause_s < 0:
            raise ValueError(
                "mrpo.judge.breaker.failures must be at least 1 and mrpo.judge.breaker.pause_s at least 0."
            )
        self.failures, self.pause_s, self.clock = failures, pause_s, clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def admit(self) -> bool:
        """May the next request pass? After the pause exactly one may, until its outcome is known."""
        if self._opened_at is None:
            return True
        if self._probing or self.clock() - self._opened_at < self.pause_s:
            return False
        self._probing = True
        return True

    def record(self, *, outage: bool) -> None:
        """The outcome of a request that passed."""
        self._probing = False
        if not outage:
            self._in_a_row, self._opened_at = 0, None
            return
        self._in_a_row += 1
        if self._in_a_row >= self.failures:
            self._opened_at = self.clock()

    def forget(self) -> None:
        """A request that passed ended without an outcome (cancelled, or never sent)."""
        self._probing = False


def is_outage(failure: str | None) -> bool:
    """Does this failure say that the endpoint does not work, rather than that one reply was no verdict?"""
    return failure is not None and (failure in ("timeout", "connection") or failure.startswith("http_"))


class GuardedJudge:
    """A judge behind a breaker; while it is open, judgements fail at once with the kind circuit_open."""

    def __init__(self, judge: CacheableJudge, breaker: CircuitBreaker) -> None:
        self.judge, self.breaker, self.name = judge, breaker, judge.name

    async def label(self, request: JudgeRequest) -> Judgement:
        if not self.breaker.admit():
            return Judgement(failure="circuit_open", detail=f"{self.breaker.failures} outages in a row; waiting")
        settled = False
        try:
            judgement = await self.judge.label(request)
            settled = judgement.calls > 0
        finally:
            if not settled:
                self.breaker.forget()
        if settled:
            was_open = self.breaker.is_open
            self.breaker.record(outage=is_outage(judgement.failure))
            if self.breaker.is_open and not was_open:
                logger.warning(
                    "judge %s is down (%s): pausing %g s", self.name, judgement.failure, self.breaker.pause_s
                )
            elif was_open and not self.breaker.is_open:
                logger.warning("judge %s is back", self.name)
        return judgement

    def cache_key(self, request: JudgeRequest) -> bytes:
        return self.judge.cache_key(request)

    async def close(self) -> None:
        await self.judge.close()


def guarded(judge: CacheableJudge, *, failures: int, pause_s: float) -> GuardedJudge:
    return GuardedJudge(judge, CircuitBreaker(failures=failures, pause_s=pause_s, clock=time.monotonic))
