"""The calls of one judgement: retries, structured output, permits and limits. Their cost is always counted."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.completion import Completion
from recipe.mrpo.endpoint.tokens import Tokens
from recipe.mrpo.judge.chat.settings import OpenAISettings
from recipe.mrpo.judge.chat.structured_output import StructuredOutput
from recipe.mrpo.judge.protect.breaker import CIRCUIT_OPEN, Permit
from recipe.mrpo.judge.protect.budget import BudgetSpent
from recipe.mrpo.judge.protect.job_limits import LEASE_TIMEOUTS, EndpointKey, JobLimits, LimiterLost
from recipe.mrpo.judge.usage import Usage

logger = logging.getLogger(__name__)

REPLY_FAILURES = ("bad_response", "refused")
"""The endpoint answered, but not with a completion; a second call may bring one."""


@dataclass
class Service:
    """State that all judgements of a judge share: its settings, the job's limits, and facts about the endpoint."""

    settings: OpenAISettings
    host: str
    job: JobLimits
    endpoint_key: EndpointKey
    structured: StructuredOutput
    # Not the global generator: its state belongs to the training run's seed.
    jitter: random.Random = field(default_factory=random.Random)
    warned_of_usage: bool = False


class Calls:
    """The calls of one judgement; `permit` is asked before each. `usage` is their cost so far."""

    def __init__(self, service: Service, client: ChatClient, permit: Permit) -> None:
        self.service, self.client, self.permit = service, client, permit
        self.usage = Usage()

    async def complete(
        self, messages: list[dict[str, Any]], *, temperature: float | None, schema: Mapping[str, Any] | None
    ) -> Completion:
        """One completion, with retries; all asks of a judgement share the retries.

        `schema`: of structured output, which is left out where the endpoint refuses it. Failures: circuit_open,
        token_budget, cost_budget, limiter_lost and those of `ChatClient.complete`.
        """
        structured = self.service.structured
        doubted: str | None = None  # the failure after which the last retry leaves structured output out
        while True:
            if not self.permit.may_call():
                return self._not_permitted()
            asked = schema if structured.wanted and doubted is None else None
            if schema is not None and asked is None and structured.setting == "auto":
                self.usage += Usage(fallbacks=1)
            result = await self._call(messages, temperature, asked)
            if asked is not None and structured.is_refusal(result.failure):
                self.usage += Usage(fallbacks=1)
                doubted, asked = result.failure, None
                result = await self._call(messages, temperature, None)
            if result.failure is None or result.failure in REPLY_FAILURES:
                if asked is not None:
                    structured.accepted()
                elif doubted is not None:
                    structured.refused(doubted)
                return result
            wait = self._wait_s(result)
            if wait is None:
                return result
            await asyncio.sleep(wait)
            if not self.permit.may_call():
                return result
            self.usage += Usage(retries=1)
            last = self.usage.retries == self.service.settings.max_retries
            doubted = result.failure if last and asked is not None and structured.is_doubtful(result.failure) else None

    def _wait_s(self, failed: Completion) -> float | None:
        if not self.permit.may_retry():
            return None
        policy, jitter = self.service.settings.retry_policy, self.service.jitter.random()
        return policy.wait_s(self.usage.retries, failed.failure, failed.wait_s, jitter=jitter)

    def _not_permitted(self) -> Completion:
        return Completion(failure=CIRCUIT_OPEN, detail=self.permit.refusal)

    async def _call(
        self, messages: list[dict[str, Any]], temperature: float | None, schema: Mapping[str, Any] | None
    ) -> Completion:
        """One call within the job's limits; their wait is not part of the call's time."""
        job, key = self.service.job, self.service.endpoint_key
        request = self.service.settings.request(messages, temperature=temperature, schema=schema)
        if not job.limit(key):
            return await self._send(request)
        try:
            lease = await self.permit.wait(
                job.acquire(key, LEASE_TIMEOUTS * self.service.settings.timeout_s),
                give_back=lambda lease: job.release(key, lease, None),
            )
        except BudgetSpent as error:
            return Completion(failure=error.kind, detail=str(error))
        except LimiterLost as error:
            return Completion(failure="limiter_lost", detail=str(error))
        if lease is None:
            return self._not_permitted()
        if not self.permit.may_call():  # the lease was on its way when the breaker opened
            await job.release(key, lease, None)
            return self._not_permitted()
        used = Tokens()
        try:
            result = await self._send(request)
            used = result.tokens
            return result
        finally:
            await job.release(key, lease, used)

    async def _send(self, request: Mapping[str, Any]) -> Completion:
        self.usage += Usage(calls=1)
        result = await self.client.complete(request, image_max_pixels=self.service.settings.image_max_pixels)
        self.usage += Usage(
            prompt_tokens=result.tokens.prompt,
            completion_tokens=result.tokens.completion,
            estimated_calls=int(result.estimated),
        )
        if result.estimated and not self.service.warned_of_usage:
            self.service.warned_of_usage = True
            logger.warning(
                "judge endpoint %s reports no credible token counts; they are estimated from the length of request and "
                "reply, and such calls are counted (mrpo/judge/estimated_calls_total).",
                self.service.host,
            )
        return result
