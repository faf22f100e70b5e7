"""Limits on the calls of a job: how many at once, how many and how many tokens a minute, how many tokens in all."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

logger = logging.getLogger(__name__)

# A slot that is not given back within this many call timeouts belonged to a worker that died.
LEASE_TIMEOUTS = 3


class BudgetSpent(Exception):
    """The job's judge has used all of mrpo.judge.max_tokens."""


class LimiterLost(Exception):
    """The process that keeps the job's limits cannot be reached."""


@dataclass(frozen=True)
class Limits:
    """The node `mrpo.judge.limits`, `max_tokens` beside it, and the time one call may take; None: no limit.

    Raises ValueError naming the option.
    """

    requests_per_minute: float | None
    tokens_per_minute: float | None
    concurrency: int | None
    tokens_per_call: float
    max_tokens: int | None
    timeout_s: float

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "tokens_per_minute", "concurrency", "tokens_per_call", "max_tokens"):
            value, place = getattr(self, name), "" if name == "max_tokens" else "limits."
            if value is not None and not value > 0:
                raise ValueError(f"mrpo.judge.{place}{name} must be above 0 or null, not {value!r}.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Limits:
        timeout_s = options["openai"]["timeout_s"]
        return cls(**options["limits"], max_tokens=options["max_tokens"], timeout_s=timeout_s)

    @property
    def any(self) -> bool:
        numbers = (self.requests_per_minute, self.tokens_per_minute, self.concurrency, self.max_tokens)
        return any(n is not None for n in numbers)


class Limiter(Protocol):
    """Every call takes a lease first and gives it back with the tokens it used."""

    async def acquire(self) -> int: ...

    async def release(self, lease: int, tokens: int) -> None: ...


class TokenBucket:
    """Lets `per_minute` units pass a minute, up to `burst` of them at once; pure but for its clock.

    verl has one (AsyncTokenBucket), but it limits one process only, and its module costs seconds of imports.
    """

    def __init__(self, per_minute: float, *, burst: float, clock: Callable[[], float]) -> None:
        self.per_s, self.burst, self.clock = per_minute / 60, burst, clock
        self._level, self._at = burst, clock()

    def reserve(self, units: float) -> float:
        """Take the units and return the seconds to wait until they are there; later calls queue behind."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.per_s) - units
        self._at = now
        return max(0.0, -self._level / self.per_s)


class LocalLimiter:
    """The limits within one process and one event loop.

    A call's tokens are only known afterwards, so each is charged the mean of those before it (`tokens_per_call` for the
    first). Rates have a burst of one second's worth, but at least one call.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self.spent, self.calls = 0, 0
        self._leases: dict[int, float] = {}
        self._numbers = itertools.count()
        self._freed = asyncio.Condition()
        self._requests = self._bucket(limits.requests_per_minute, 1.0)
        self._tokens = self._bucket(limits.tokens_per_minute, limits.tokens_per_call)

    async def acquire(self) -> int:
        """A lease, as soon as the limits allow a call; raises BudgetSpent when the budget is used up."""
        self._check_budget()
        mean = self.spent / self.calls if self.calls else self.limits.tokens_per_call
        waits = [b.reserve(u) for b, u in ((self._requests, 1.0), (self._tokens, mean)) if b is not None]
        if waits and max(waits) > 0:
            await asyncio.sleep(max(waits))
        async with self._freed:
            while self.limits.concurrency is not None and len(self._leases) >= self.limits.concurrency:
                oldest = min(self._leases, key=self._leases.__getitem__)
                wait = self._leases[oldest] + LEASE_TIMEOUTS * self.limits.timeout_s - self.clock()
                if wait <= 0:
                    del self._leases[oldest]
                    continue
                try:
                    await asyncio.wait_for(self._freed.wait(), wait)
                except asyncio.TimeoutError:
                    continue
            self._check_budget()
            lease = next(self._numbers)
            self._leases[lease] = self.clock()
        return lease

    async def release(self, lease: int, tokens: int) -> None:
        async with self._freed:
            self._leases.pop(lease, None)
            self.spent += tokens
            self.calls += 1
            # All: the one that wakes may find the budget spent and leave the slot to the next.
            self._freed.notify_all()

    def _bucket(self, per_minute: float | None, one_call: float) -> TokenBucket | None:
        if per_minute is None:
            return None
        return TokenBucket(per_minute, burst=max(per_minute / 60, one_call), clock=self.clock)

    def _check_budget(self) -> None:
        if self.limits.max_tokens is not None and self.spent >= self.limits.max_tokens:
            raise BudgetSpent(f"{self.spent} tokens used, mrpo.judge.max_tokens={self.limits.max_tokens}")


class SharedLimiter:
    """The limits over all reward workers of a job: one `LocalLimiter` in a named Ray actor.

    The actor lives with the worker that made it first. Should that one die, the others make a new one, whose budget
    starts anew.
    """

    ACTOR, ATTEMPTS = "mrpo_judge_limiter", 5

    def __init__(self, limits: Limits, *, name: str) -> None:
        self.limits, self.actor_name = limits, f"{self.ACTOR}_{name}"
        self._actor: Any = None

    async def acquire(self) -> int:
        return await self._ask("acquire")

    async def release(self, lease: int, tokens: int) -> None:
        try:
            await self._ask("release", lease, tokens)
        except LimiterLost as error:
            logger.warning("a call's tokens were not counted: %s", error)  # its slot comes back by its age

    async def _ask(self, method: str, *arguments: int) -> Any:
        import ray

        for attempt in range(self.ATTEMPTS):
            try:
                if self._actor is None:
                    actor = ray.remote(num_cpus=0, max_concurrency=10_000)(LocalLimiter)
                    self._actor = actor.options(name=self.actor_name, get_if_exists=True).remote(self.limits)
                return await getattr(self._actor, method).remote(*arguments)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, BudgetSpent):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                self._actor = None
                await asyncio.sleep(0.1 * 2**attempt)  # the name of a dying actor is not free at once
        raise LimiterLost(f"{self.actor_name} died {self.ATTEMPTS} times in a row")


def make_limiter(limits: Limits, *, name: str) -> Limiter | None:
    """None without limits; shared by the job's workers inside Ray, else within this process.

    `name` tells the endpoints of one job apart.
    """
    if not limits.any:
        return None
    import ray

    return SharedLimiter(limits, name=name) if ray.is_initialized() else LocalLimiter(limits)
