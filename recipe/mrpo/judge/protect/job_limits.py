"""The budget and the limits of a job, kept in one place for all its workers."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recipe.mrpo.judge.protect.account import TokenAccount, total
from recipe.mrpo.judge.protect.background import in_background
from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, Tokens
from recipe.mrpo.judge.protect.rate import EndpointLimiter, EndpointLimits

logger = logging.getLogger(__name__)

# A slot that is not given back within this many call timeouts belonged to a worker that died.
LEASE_TIMEOUTS = 3


class LimiterLost(Exception):
    """The process that keeps the job's limits cannot be reached."""


class EndpointKey(NamedTuple):
    """An endpoint and its limits; judges at one address with the same limits share them."""

    name: str
    limits: EndpointLimits


class InProcessLimits:
    """One account and the limiters of all endpoints, within one process."""

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.account, self.clock = TokenAccount(budget), clock
        # Locks cannot be shared between event loops, an account can.
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[EndpointKey, EndpointLimiter]] = (
            weakref.WeakKeyDictionary()
        )

    async def acquire(self, endpoint: EndpointKey, hold_s: float, known: Mapping[str, Tokens]) -> int:
        self.account.learn(known)
        return await self._limiter(endpoint).acquire(hold_s)

    async def release(
        self, endpoint: EndpointKey, lease: int, tokens: Tokens | None, known: Mapping[str, Tokens]
    ) -> dict[str, Tokens]:
        """Returns what each worker of the job has used so far; `known` holds the tokens of this call already."""
        self.account.learn(known)
        await self._limiter(endpoint).release(lease, tokens)
        return self.account.by_worker

    def _limiter(self, endpoint: EndpointKey) -> EndpointLimiter:
        here = self._loops.setdefault(asyncio.get_running_loop(), {})
        if endpoint not in here:
            here[endpoint] = EndpointLimiter(endpoint.limits, self.account, clock=self.clock)
        return here[endpoint]


class JobLimits:
    """The limits of a job, as one of its workers sees them: kept in a named Ray actor, without Ray in this process.

    Every call takes a lease first and gives it back with the tokens it used. The actor lives with the worker that made
    it first. Should that one die, the others make a new one and tell it what every worker has used.
    """

    ACTOR, ATTEMPTS = "mrpo_judge_limiter", 5

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.actor_name = f"{self.ACTOR}_{hashlib.sha256(repr(budget).encode()).hexdigest()[:8]}"
        self._account = TokenAccount(budget)
        self._worker = secrets.token_hex(8)
        self._here: InProcessLimits | None = None
        self._actor: Any = None

    def limit(self, endpoint: EndpointKey) -> bool:
        """Is there anything to limit at this endpoint?"""
        return endpoint.limits.any or self.budget.any

    async def acquire(self, endpoint: EndpointKey, hold_s: float) -> int:
        """Raises BudgetSpent when the budget is used up, LimiterLost if its keeper cannot be reached.

        A request that is cancelled here takes nothing, or gives it back.
        """
        return await self._ask("acquire", endpoint, hold_s, self._account.by_worker)

    async def release(self, endpoint: EndpointKey, lease: int, tokens: Tokens | None) -> None:
        """Give a lease back; the tokens count even if the keeper of the limits cannot be reached."""
        mine = self._account.by_worker.get(self._worker, Tokens())
        self._account.learn({self._worker: total((mine, tokens or Tokens()))})
        try:
            by_worker = await self._ask("release", endpoint, lease, tokens, self._account.by_worker)
        except LimiterLost as error:
            logger.warning("a call's slot was not given back: %s", error)  # it comes back by its age
            return
        self._account.learn(by_worker)

    async def _ask(self, method: str, *arguments: Any) -> Any:
        # If Ray was never imported here, it is not running here; its import costs a second.
        ray: Any = sys.modules.get("ray")
        if self._here is None and (ray is None or not ray.is_initialized()):
            self._here = InProcessLimits(self.budget)
        if self._here is not None:
            return await getattr(self._here, method)(*arguments)
        for attempt in range(self.ATTEMPTS):
            try:
                if self._actor is None:
                    actor = ray.remote(num_cpus=0, max_concurrency=10_000)(InProcessLimits)
                    self._actor = actor.options(name=self.actor_name, get_if_exists=True).remote(self.budget)
                call = getattr(self._actor, method).remote(*arguments)
                try:
                    return await call
                except asyncio.CancelledError:
                    if method == "acquire":
                        in_background(self._withdraw(ray, call, arguments[0]))
                    raise
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, BudgetSpent):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                self._actor = None
                await asyncio.sleep(0.1 * 2**attempt)  # the name of a dying actor is not free at once
        raise LimiterLost(f"{self.actor_name} died {self.ATTEMPTS} times in a row")

    async def _withdraw(self, ray: Any, call: Any, endpoint: EndpointKey) -> None:
        """End a wait in the actor; otherwise it would take an unused permit, and others would wait behind it."""
        ray.cancel(call)
        try:
            lease = await call
        except ray.exceptions.RayError:
            return
        await self.release(endpoint, lease, None)  # it was there already
