"""How many calls and tokens one endpoint gets a minute, and how many calls at once."""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from recipe.mrpo.judge.protect.account import TokenAccount, total
from recipe.mrpo.judge.protect.budget import Tokens

# Nobody sleeps for less: the next call pays for it.
SHORTEST_WAIT_S = 1e-3
LOOK_AGAIN_S = 1.0
"""The longest wait for a slot or for room in the budget without another look."""


@dataclass(frozen=True)
class EndpointLimits:
    """The node `mrpo.judge.limits`, of one endpoint; None: no limit."""

    requests_per_minute: float | None
    tokens_per_minute: float | None
    concurrency: int | None
    tokens_per_call: float

    @property
    def any(self) -> bool:
        return any(n is not None for n in (self.requests_per_minute, self.tokens_per_minute, self.concurrency))


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
    charged: Tokens


class EndpointLimiter:
    """The limits of one endpoint within one process and one event loop, beside the account of the job.

    The tokens of a call are known when it ends. Until then it is charged the mean of the answered calls before it
    (`tokens_per_call` for the first ones), and the difference is settled at its end; a call without an answer costs
    nothing. Rates have a burst of one second's worth, but at least one call.
    """

    def __init__(
        self, limits: EndpointLimits, account: TokenAccount, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits, self.account, self.clock = limits, account, clock
        self._answered, self._answered_tokens = 0, Tokens()
        self._leases: dict[int, _Lease] = {}
        # Not from 0: a lease of a lost limiter must not have the number of a lease of the next one.
        self._numbers = itertools.count(secrets.randbits(48))
        self._turn, self._freed = asyncio.Lock(), asyncio.Event()
        self._requests = self._bucket(limits.requests_per_minute, 1.0)
        self._tokens = self._bucket(limits.tokens_per_minute, limits.tokens_per_call)

    async def acquire(self, hold_s: float) -> int:
        """A lease, as soon as the limits allow a call; its slot comes back after `hold_s` at the latest.

        Raises BudgetSpent when the budget of the job is used up. A request that is cancelled here has taken nothing.
        """
        async with self._turn:  # in the order of arrival; later ones see the real use of the calls before them
            # The rates come last: a permit that waits for a slot would be one more call at once when slots are free.
            await self._pass_slots()
            expected = await self._pass_rates()
            lease = next(self._numbers)
            self._leases[lease] = _Lease(self.clock() + hold_s, expected)
            self.account.begin((id(self), lease), expected)
        return lease

    async def release(self, lease: int, tokens: Tokens | None) -> None:
        """Give a lease back with the tokens that its call has used, zero if nothing was answered; None: never sent."""
        ended = self._forget(lease)
        if tokens is None:
            tokens = Tokens()
            if self._requests is not None:
                self._requests.take(-1.0)
        if tokens.both:
            self._answered += 1
            self._answered_tokens = total((self._answered_tokens, tokens))
        if self._tokens is not None:
            self._tokens.take(tokens.both - (ended.charged.both if ended is not None else 0))
        self._freed.set()

    def _forget(self, lease: int) -> _Lease | None:
        self.account.end((id(self), lease))
        return self._leases.pop(lease, None)

    def _expected(self) -> Tokens:
        """The tokens that a call is charged until it ends."""
        if not self._answered:
            return Tokens(0, math.ceil(self.limits.tokens_per_call))  # completion tokens are the dearer ones
        prompt, completion = self._answered_tokens
        return Tokens(math.ceil(prompt / self._answered), math.ceil(completion / self._answered))

    def _has_slot(self) -> bool:
        return self.limits.concurrency is None or len(self._leases) < self.limits.concurrency

    async def _pass_slots(self) -> None:
        """Wait for a slot and for room in the budget; the slot stays free, because one request waits here at a time."""
        while True:
            self.account.check()
            now = self.clock()
            for lease in [number for number, held in self._leases.items() if held.ends <= now]:
                self._forget(lease)  # of a worker that died
            if self._has_slot() and self.account.has_room():
                return
            wait = min((held.ends for held in self._leases.values()), default=math.inf) - now
            self._freed.clear()
            # Calls to other endpoints may free the budget as well, and this limiter does not hear of them.
            timer = asyncio.get_running_loop().call_later(min(wait, LOOK_AGAIN_S), self._freed.set)
            try:
                await self._freed.wait()
            finally:
                timer.cancel()

    async def _pass_rates(self) -> Tokens:
        """Wait for the rates and take one call from them; returns the tokens that it is charged."""
        while True:
            self.account.check()
            expected = self._expected()
            pairs = [(b, units) for b, units in ((self._requests, 1), (self._tokens, expected.both)) if b is not None]
            wait = max((bucket.wait_s(units) for bucket, units in pairs), default=0.0)
            if wait < SHORTEST_WAIT_S:
                break
            await asyncio.sleep(wait)
        for bucket, units in pairs:
            bucket.take(units)
        return expected

    def _bucket(self, per_minute: float | None, one_call: float) -> TokenBucket | None:
        if per_minute is None:
            return None
        return TokenBucket(per_minute, burst=max(per_minute / 60, one_call), clock=self.clock)
