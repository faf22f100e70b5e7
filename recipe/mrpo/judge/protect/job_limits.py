"""Limits on the judging of a job: how much in all, and for each endpoint how many calls at once and a minute."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import secrets
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

# A slot that is not given back within this many call timeouts belonged to a worker that died.
LEASE_TIMEOUTS = 3
# Nobody sleeps for less: the next call pays for it.
SHORTEST_WAIT_S = 1e-3


class BudgetSpent(Exception):
    """The judges of the job have used all of mrpo.judge.max_tokens; `kind` is the failure that it leads to."""

    kind = "token_budget"


class CostSpent(BudgetSpent):
    """The same for mrpo.judge.max_cost."""

    kind = "cost_budget"


OVER_BUDGET = (BudgetSpent.kind, CostSpent.kind)


class LimiterLost(Exception):
    """The process that keeps the job's limits cannot be reached."""


class Tokens(NamedTuple):
    """Of a prompt and of what was written to it."""

    prompt: int = 0
    completion: int = 0

    @property
    def both(self) -> int:
        return self.prompt + self.completion


def _above_zero(options: object, names: Mapping[str, str]) -> None:
    for name, option in names.items():
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ValueError(f"mrpo.judge.{option} must be above 0 or null, not {value!r}.")


@dataclass(frozen=True)
class Limits:
    """The node `mrpo.judge.limits`, of one endpoint; None: no limit. Raises ValueError naming the option."""

    requests_per_minute: float | None
    tokens_per_minute: float | None
    concurrency: int | None
    tokens_per_call: float

    def __post_init__(self) -> None:
        _above_zero(self, {name: f"limits.{name}" for name in self.__dataclass_fields__})

    @property
    def any(self) -> bool:
        return any(n is not None for n in (self.requests_per_minute, self.tokens_per_minute, self.concurrency))


@dataclass(frozen=True)
class Budget:
    """`mrpo.judge.max_tokens` and `max_cost`, of the whole job, with the prices of a million tokens; None: no limit.

    Raises ValueError naming the option.
    """

    max_tokens: int | None = None
    max_cost: float | None = None
    prompt_price: float | None = None
    completion_price: float | None = None

    def __post_init__(self) -> None:
        _above_zero(self, {"max_tokens": "max_tokens", "max_cost": "max_cost"})
        if self.max_cost is not None and (self.prompt_price is None or self.completion_price is None):
            raise ValueError("mrpo.judge.max_cost needs mrpo.judge.price_per_million, both prompt and completion.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Budget:
        prices = options["price_per_million"]
        return cls(options["max_tokens"], options["max_cost"], prices["prompt"], prices["completion"])

    @property
    def any(self) -> bool:
        return self.max_tokens is not None or self.max_cost is not None

    def check(self, used: Tokens) -> None:
        """Raises BudgetSpent (CostSpent) once the tokens (their price) have reached the limit."""
        if self.max_tokens is not None and used.both >= self.max_tokens:
            raise BudgetSpent(f"{used.both} tokens used, mrpo.judge.max_tokens={self.max_tokens}")
        if self.max_cost is not None:
            cost = (used.prompt * self.prompt_price + used.completion * self.completion_price) / 1e6
            if cost >= self.max_cost:
                raise CostSpent(f"{cost:g} spent, mrpo.judge.max_cost={self.max_cost:g}")


class Account:
    """What all judges of a job have used, beside their budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.used = budget, Tokens()

    def check(self) -> None:
        self.budget.check(self.used)

    def add(self, tokens: Tokens) -> None:
        self.used = Tokens(self.used.prompt + tokens.prompt, self.used.completion + tokens.completion)

    def at_least(self, known: Tokens) -> None:
        self.used = Tokens(max(self.used.prompt, known.prompt), max(self.used.completion, known.completion))


class TokenBucket:
    """Lets `per_minute` units pass a minute, up to `burst` of them at once; pure but for its clock.

    verl has one (AsyncTokenBucket), but it limits one process only, and its module costs seconds of imports.
    """

    def __init__(self, per_minute: float, *, burst: float, clock: Callable[[], float]) -> None:
        self.per_s, self.burst, self.clock = per_minute / 60, burst, clock
        self._level, self._at = burst, clock()

    def wait_s(self, units: float) -> float:
        """Seconds until the units are there; for more than the burst, until the bucket is full."""
        return max(0.0, (min(units, self.burst) - self._now()) / self.per_s)

    def take(self, units: float) -> None:
        """Take the units, into debt if they are not there; a negative number gives back, up to the burst."""
        self._level = min(self.burst, self._now() - units)

    def _now(self) -> float:
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.per_s)
        self._at = now
        return self._level


class _Lease(NamedTuple):
    ends: float
    charged: float


class EndpointLimiter:
    """The limits of one endpoint within one process and one event loop, and the account of the job.

    A call's tokens are only known afterwards: it is charged the mean of the answered calls before it
    (`tokens_per_call` for the first ones), and the difference is settled when it ends; a call without an answer costs
    nothing. Rates have a burst of one second's worth, but at least one call.
    """

    def __init__(self, limits: Limits, account: Account, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.account, self.clock = limits, account, clock
        self._answered, self._answered_tokens = 0, 0
        self._leases: dict[int, _Lease] = {}
        # Not from 0: what a lost limiter has handed out must not name a lease of the next one.
        self._numbers = itertools.count(secrets.randbits(48))
        self._turn, self._freed = asyncio.Lock(), asyncio.Event()
        self._requests = self._bucket(limits.requests_per_minute, 1.0)
        self._tokens = self._bucket(limits.tokens_per_minute, limits.tokens_per_call)

    async def acquire(self, hold_s: float) -> int:
        """A lease, as soon as the limits allow a call; its slot comes back after `hold_s` at the latest.

        Raises BudgetSpent when the budget of the job is used up. Who is cancelled here has taken nothing.
        """
        async with self._turn:  # in the order of arrival; who waits sees what the calls before have really used
            # The rates come last: a permit that waits for a slot would be one more call at once when slots are free.
            await self._pass_slots()
            charged = await self._pass_rates()
            lease = next(self._numbers)
            self._leases[lease] = _Lease(self.clock() + hold_s, charged)
        return lease

    async def release(self, lease: int, tokens: Tokens | None) -> None:
        """Give a lease back with the tokens that its call has used, zero if nothing was answered; None: never sent."""
        ended = self._leases.pop(lease, None)
        if tokens is None:
            tokens = Tokens()
            if self._requests is not None:
                self._requests.take(-1.0)
        self.account.add(tokens)
        if tokens.both:
            self._answered += 1
            self._answered_tokens += tokens.both
        if self._tokens is not None:
            self._tokens.take(tokens.both - (ended.charged if ended is not None else 0.0))
        self._freed.set()

    async def _pass_slots(self) -> None:
        """Wait for a slot; it stays free, because whoever waits here has the turn."""
        while self.limits.concurrency is not None and len(self._leases) >= self.limits.concurrency:
            self.account.check()
            oldest = min(self._leases, key=lambda number: self._leases[number].ends)
            wait = self._leases[oldest].ends - self.clock()
            if wait <= 0:
                del self._leases[oldest]
                continue
            self._freed.clear()
            timer = asyncio.get_running_loop().call_later(wait, self._freed.set)
            try:
                await self._freed.wait()
            finally:
                timer.cancel()

    async def _pass_rates(self) -> float:
        """Wait for the rates and take one call from them; returns the tokens that it is charged."""
        while True:
            self.account.check()
            mean = self._answered_tokens / self._answered if self._answered else self.limits.tokens_per_call
            pairs = [(b, units) for b, units in ((self._requests, 1.0), (self._tokens, mean)) if b is not None]
            wait = max((bucket.wait_s(units) for bucket, units in pairs), default=0.0)
            if wait < SHORTEST_WAIT_S:
                break
            await asyncio.sleep(wait)
        for bucket, units in pairs:
            bucket.take(units)
        return mean

    def _bucket(self, per_minute: float | None, one_call: float) -> TokenBucket | None:
        if per_minute is None:
            return None
        return TokenBucket(per_minute, burst=max(per_minute / 60, one_call), clock=self.clock)


class Place(NamedTuple):
    """An endpoint and its limits; judges at one address with the same limits share them."""

    name: str
    limits: Limits


class LocalJob:
    """One account and the limiters of all endpoints, within one process."""

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.account, self.clock = Account(budget), clock
        # Locks cannot be shared between event loops, an account can.
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, EndpointLimiter]] = (
            weakref.WeakKeyDictionary()
        )

    async def acquire(self, place: Place, hold_s: float, known: Tokens) -> int:
        self.account.at_least(known)
        return await self._limiter(place).acquire(hold_s)

    async def release(self, place: Place, lease: int, tokens: Tokens | None) -> Tokens:
        """Returns what the job has used so far."""
        await self._limiter(place).release(lease, tokens)
        return self.account.used

    def _limiter(self, place: Place) -> EndpointLimiter:
        here = self._loops.setdefault(asyncio.get_running_loop(), {})
        if place not in here:
            here[place] = EndpointLimiter(place.limits, self.account, clock=self.clock)
        return here[place]


class JobLimiter:
    """The limits of a job for one of its workers: within Ray one `LocalJob` in a named actor, else one of its own.

    Every call takes a lease first and gives it back with the tokens it used. The actor lives with the worker that made
    it first. Should that one die, the others make a new one and tell it what they know to be spent.
    """

    ACTOR, ATTEMPTS = "mrpo_judge_limiter", 5

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.actor_name = f"{self.ACTOR}_{hashlib.sha256(repr(budget).encode()).hexdigest()[:8]}"
        self._known = Tokens()
        self._here: LocalJob | None = None
        self._actor: Any = None

    def limits(self, place: Place) -> bool:
        """Is there anything to limit at this place?"""
        return place.limits.any or self.budget.any

    async def acquire(self, place: Place, hold_s: float) -> int:
        """Raises BudgetSpent when the budget is used up, LimiterLost if nobody keeps it any more.

        Who is cancelled here takes nothing, or gives it back.
        """
        return await self._ask("acquire", place, hold_s, self._known)

    async def release(self, place: Place, lease: int, tokens: Tokens | None) -> None:
        try:
            used = await self._ask("release", place, lease, tokens)
        except LimiterLost as error:
            logger.warning("a call's tokens were not counted: %s", error)  # its slot comes back by its age
            return
        self._known = Tokens(max(self._known.prompt, used.prompt), max(self._known.completion, used.completion))

    async def _ask(self, method: str, *arguments: Any) -> Any:
        ray = sys.modules.get("ray")  # what was never imported here is not running here, and its import costs a second
        if self._here is None and (ray is None or not ray.is_initialized()):
            self._here = LocalJob(self.budget)
        if self._here is not None:
            return await getattr(self._here, method)(*arguments)
        for attempt in range(self.ATTEMPTS):
            try:
                if self._actor is None:
                    actor = ray.remote(num_cpus=0, max_concurrency=10_000)(LocalJob)
                    self._actor = actor.options(name=self.actor_name, get_if_exists=True).remote(self.budget)
                call = getattr(self._actor, method).remote(*arguments)
                try:
                    return await call
                except asyncio.CancelledError:
                    if method == "acquire":
                        await self._withdraw(ray, call, arguments[0])
                    raise
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, BudgetSpent):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                self._actor = None
                await asyncio.sleep(0.1 * 2**attempt)  # the name of a dying actor is not free at once
        raise LimiterLost(f"{self.actor_name} died {self.ATTEMPTS} times in a row")

    async def _withdraw(self, ray: Any, call: Any, place: Place) -> None:
        """End a wait in the actor: otherwise it would take its permit there for nobody, and others wait behind it."""
        ray.cancel(call)
        try:
            lease = await call
        except ray.exceptions.RayError:
            return
        await self.release(place, lease, None)  # it was there already
