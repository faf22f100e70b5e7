"""A judge behind any endpoint that speaks the OpenAI chat completions protocol (vLLM, SGLang, hosted models)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import openai

from recipe.mrpo.endpoint.address import Endpoint, read_key
from recipe.mrpo.endpoint.client import make_client
from recipe.mrpo.endpoint.completion import Completion, read_completion
from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.endpoint.retry import backoff_s, is_transient, retry_after_s
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge.chat.reply import Parsed, parse_reply
from recipe.mrpo.judge.chat.rubric import PROMPTS, Rubric, build_messages, reply_schema
from recipe.mrpo.judge.chat.settings import OpenAISettings
from recipe.mrpo.judge.chat.token_estimate import estimate
from recipe.mrpo.judge.protect.breaker import CIRCUIT_OPEN, CircuitBreaker, Permit
from recipe.mrpo.judge.protect.budget import Budget, BudgetSpent, Tokens
from recipe.mrpo.judge.protect.job_limits import LEASE_TIMEOUTS, EndpointKey, JobLimits, LimiterLost
from recipe.mrpo.judge.protect.rate import EndpointLimits
from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.judge.registry import register_judge
from recipe.mrpo.judge.usage import Usage

logger = logging.getLogger(__name__)

DETAIL_CHARS = 300
"""Of what a failed judgement tells people."""
# How an endpoint says that it does not know `response_format` or this kind of it.
_REFUSES_SETTING = frozenset({"http_400", "http_404", "http_415", "http_422", "http_501"})
REFUSALS = 3
"""Calls in a row that an endpoint takes only without `response_format` before it is asked without at once."""


@dataclass
class _Tally:
    """What one judgement has cost so far."""

    usage: Usage = field(default_factory=Usage)

    def add(self, **counts: int) -> None:
        self.usage += Usage(**counts)


@dataclass
class _LoopState:
    """What belongs to one event loop: sockets and semaphores cannot be shared between loops."""

    client: openai.AsyncOpenAI
    slots: asyncio.Semaphore


@dataclass
class _Failure:
    kind: str
    detail: str
    wait_s: float | None = None


class OpenAIJudge:
    """Asks a model for two answers a step, alignment and contribution; a step is valid if one of them is yes.

    A call lasts at most `timeout_s`; a judgement makes at most 2 + max_retries calls (and one more, once, when the
    endpoint refuses structured output), with at most max(backoff_max_s, retry_after_max_s) between two.
    """

    name = "openai"

    def __init__(
        self,
        settings: OpenAISettings,
        *,
        endpoint: Endpoint,
        limits: EndpointLimits,
        job: JobLimits,
        cache_address: str | None,
    ) -> None:
        self.settings = settings
        self.endpoint = endpoint
        self.cache_address = cache_address
        self.job = job
        self.endpoint_key = EndpointKey(hashlib.sha256(endpoint.url.encode()).hexdigest()[:8], limits)
        self._warned_of_usage = False
        self.rubric = Rubric.load(Path(settings.prompts) if settings.prompts else PROMPTS)
        self._structured = settings.response_format != "none"
        self._refusals = 0
        """Of structured output, in a row."""
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopState] = weakref.WeakKeyDictionary()
        # Of its own: the global generators belong to the training run's seed.
        self._jitter = random.Random()
        self._key = Secret(read_key(settings.api_key_env))
        self._client()  # what cannot work is said before the first rollout

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError if such a case may not be sent to this endpoint."""
        self.endpoint.require(may_leave_machine=may_leave_machine)

    async def label(self, request: JudgeRequest) -> Judgement:
        """As `label_with_permit`, without a breaker that could open."""
        unguarded = Permit(CircuitBreaker(failures=1, pause_s=0, clock=time.monotonic))
        return await self.label_with_permit(unguarded, request)

    async def label_with_permit(self, permit: Permit, request: JudgeRequest) -> Judgement:
        """Labels of the request's steps; `permit` is asked before every call, because all calls wait for something.

        Failures: too_many_steps, too_many_images, bad_image, circuit_open, token_budget, cost_budget, limiter_lost,
        timeout, connection, http_<status>, refused, truncated, bad_response and those of `parse_reply`. Raises
        PermissionError, before anything is sent, for a case that may not be sent there.
        """
        self.endpoint.require(may_leave_machine=request.may_leave_machine)
        if not request.steps:
            return Judgement(labels=())
        if len(request.steps) > self.settings.max_steps:
            detail = f"{len(request.steps)} steps, mrpo.judge.openai.max_steps={self.settings.max_steps}"
            return Judgement(failure="too_many_steps", detail=detail)
        shown = request.images if self.settings.send_image else ()
        if len(shown) > self.settings.max_images:
            detail = f"{len(shown)} images, mrpo.judge.openai.max_images={self.settings.max_images}"
            return Judgement(failure="too_many_images", detail=detail)
        try:
            messages = await self._messages(request)
        except BadImage as error:
            return Judgement(failure="bad_image", detail=str(error))
        state, tally = self._state(), _Tally()
        async with state.slots:
            start = time.perf_counter()
            outcome = await self._ask_twice(state, permit, request, messages, tally)
            tally.usage = replace(tally.usage, latency_s=time.perf_counter() - start)
        # An endpoint may quote the key that it was sent; before this line nothing is cut, which could leave half of it.
        detail = self._key.hide(outcome.detail)[:DETAIL_CHARS]
        return Judgement(**outcome._replace(detail=detail)._asdict(), usage=tally.usage)

    def cache_key(self, request: JudgeRequest) -> bytes:
        """Hash of all that labels depend on: judge, address, model, rubric, settings of prompt and reply, and the case.

        The address is there because servers call different models by one name; `cache_address` None leaves it to
        mrpo.judge.cache.namespace to tell them apart. Waits and limits change what a call costs, not what it says.
        """
        s = self.settings
        images = [hashlib.sha256(data).hexdigest() for data, _ in request.images] if s.send_image else []
        depends = [
            self.name, self.cache_address, s.model, self.rubric.hash, s.temperature, s.reask_temperature, s.max_tokens,
            s.response_format, s.max_step_chars, s.image_max_pixels if images else None, s.extra_body, images,
            request.question, request.answers, request.gold_reasoning, request.steps, request.overall,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).digest()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        state = self._loops.pop(asyncio.get_running_loop(), None)
        if state is not None:
            await state.client.close()

    async def _messages(self, request: JudgeRequest) -> list[dict[str, Any]]:
        images = []
        if self.settings.send_image:
            if request.unread_image is not None:  # labels of a case that was not seen whole would be guesses
                raise BadImage(request.unread_image)
            pixels = self.settings.image_max_pixels
            images = [await asyncio.to_thread(prepare_image, data, pixels) for data, _ in request.images]
        return build_messages(request, self.rubric, images=images, max_step_chars=self.settings.max_step_chars)

    def _client(self) -> openai.AsyncOpenAI:
        return make_client(self.endpoint, key=self._key, timeout_s=self.settings.timeout_s, max_retries=0)

    def _state(self) -> _LoopState:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops[loop] = _LoopState(self._client(), asyncio.Semaphore(self.settings.concurrency))
        return self._loops[loop]

    async def _ask_twice(
        self,
        state: _LoopState,
        permit: Permit,
        request: JudgeRequest,
        messages: list[dict[str, Any]],
        tally: _Tally,
    ) -> Parsed:
        """Ask; after a reply that is no verdict once more, at another temperature: the same may say the same."""
        schema = reply_schema(len(request.steps), overall=request.overall)
        parsed = Parsed(None, "unparsable", "")
        for temperature in (self.settings.temperature, self.settings.reask_temperature):
            completion = await self._complete(state, permit, messages, temperature, schema, tally)
            if isinstance(completion, _Failure):
                return Parsed(None, completion.kind, completion.detail)
            if completion.failure is not None:
                parsed = Parsed(None, completion.failure, completion.detail)
                continue
            parsed = parse_reply(
                completion.content,
                num_steps=len(request.steps),
                quoted=request.steps,
                overall=request.overall,
                cut_off=completion.finish_reason == "length",
            )
            if parsed.failure == "truncated":
                parsed = parsed._replace(detail=f"max_tokens={self.settings.max_tokens} reached")
            if parsed.labels is not None:
                break
        return parsed

    async def _complete(
        self,
        state: _LoopState,
        permit: Permit,
        messages: list[dict[str, Any]],
        temperature: float | None,
        wanted: dict[str, Any],
        tally: _Tally,
    ) -> Completion | _Failure:
        """One completion, with retries; all asks of a judgement share the retries."""
        while True:
            if not permit.may_call():
                return _Failure(CIRCUIT_OPEN, permit.refusal)
            schema = wanted if self._structured else None
            if schema is None and self.settings.response_format == "auto":
                tally.add(fallbacks=1)
            result = await self._call(state, permit, messages, temperature, schema, tally)
            if isinstance(result, Completion):
                self._refusals = self._refusals if schema is None else 0
                return result
            if schema is not None and self.settings.response_format == "auto" and result.kind in _REFUSES_SETTING:
                tally.add(fallbacks=1)
                plain = await self._call(state, permit, messages, temperature, None, tally)
                if isinstance(plain, Completion):
                    self._count_refusal(result.kind)
                    return plain
                result = plain
            if (
                not is_transient(result.kind)
                or tally.usage.retries >= self.settings.max_retries
                or not permit.may_retry()
            ):
                return result
            wait = backoff_s(
                tally.usage.retries,
                jitter=self._jitter.random(),
                base_s=self.settings.backoff_base_s,
                max_s=self.settings.backoff_max_s,
            )
            if result.wait_s is not None:
                if result.wait_s > self.settings.retry_after_max_s:
                    return result
                wait = max(wait, result.wait_s)
            await asyncio.sleep(wait)
            if not permit.may_call():
                return result
            tally.add(retries=1)

    def _count_refusal(self, kind: str) -> None:
        """A gateway's passing 404 is no refusal: only after several in a row is structured output given up."""
        self._refusals += 1
        if self._structured and self._refusals >= REFUSALS:
            self._structured = False
            logger.warning(
                "judge endpoint %s has refused structured output %d times in a row (%s); going on without it, each "
                "such call counts as a fallback. mrpo.judge.openai.response_format=none skips the try.",
                self.endpoint.host,
                self._refusals,
                kind,
            )

    async def _call(
        self,
        state: _LoopState,
        permit: Permit,
        messages: list[dict[str, Any]],
        temperature: float | None,
        schema: dict[str, Any] | None,
        tally: _Tally,
    ) -> Completion | _Failure:
        """One call within the job's limits; their wait is no part of the call's time."""
        if not self.job.limit(self.endpoint_key):
            return await self._send(state.client, messages, temperature, schema, tally)
        try:
            lease = await permit.wait(
                self.job.acquire(self.endpoint_key, LEASE_TIMEOUTS * self.settings.timeout_s),
                give_back=lambda lease: self.job.release(self.endpoint_key, lease, None),
            )
        except BudgetSpent as error:
            return _Failure(error.kind, str(error))
        except LimiterLost as error:
            return _Failure("limiter_lost", str(error))
        if lease is None:
            return _Failure(CIRCUIT_OPEN, permit.refusal)
        if not permit.may_call():  # the lease was on its way when the breaker opened
            await self.job.release(self.endpoint_key, lease, None)
            return _Failure(CIRCUIT_OPEN, permit.refusal)
        before = tally.usage
        try:
            return await self._send(state.client, messages, temperature, schema, tally)
        finally:
            after = tally.usage
            used = Tokens(
                after.prompt_tokens - before.prompt_tokens, after.completion_tokens - before.completion_tokens
            )
            await self.job.release(self.endpoint_key, lease, used)

    async def _send(
        self,
        client: openai.AsyncOpenAI,
        messages: list[dict[str, Any]],
        temperature: float | None,
        schema: dict[str, Any] | None,
        tally: _Tally,
    ) -> Completion | _Failure:
        arguments: dict[str, Any] = {"model": self.settings.model, "messages": messages}
        if temperature is not None:
            arguments["temperature"] = temperature
        if self.settings.max_tokens is not None:
            arguments["max_tokens"] = self.settings.max_tokens
        if schema is not None:
            named = {"name": "step_labels", "strict": True, "schema": schema}
            arguments["response_format"] = {"type": "json_schema", "json_schema": named}
        if self.settings.extra_body:
            arguments["extra_body"] = dict(self.settings.extra_body)
        tally.add(calls=1)
        try:
            # wait_for: the library's own timeout starts anew with every byte that arrives.
            response = await asyncio.wait_for(
                client.chat.completions.with_raw_response.create(**arguments), self.settings.timeout_s
            )
        except (asyncio.TimeoutError, openai.APITimeoutError):
            return _Failure("timeout", f"no reply in {self.settings.timeout_s} s")
        except openai.APIConnectionError as error:
            return _Failure("connection", f"{type(error.__cause__).__name__}: {error.__cause__}")
        except openai.APIStatusError as error:
            wait = retry_after_s(error.response.headers.get("retry-after"), now=datetime.now(timezone.utc))
            return _Failure(f"http_{error.status_code}", error.message, wait)
        completion = read_completion(response.text)
        used = Tokens(completion.prompt_tokens, completion.completion_tokens)
        if not used.prompt:  # no call has an empty prompt
            used = self._estimated(messages, response.text)
            tally.add(estimated_calls=1)
        tally.add(prompt_tokens=used.prompt, completion_tokens=used.completion)
        return completion

    def _estimated(self, messages: list[dict[str, Any]], body: str) -> Tokens:
        if not self._warned_of_usage:
            self._warned_of_usage = True
            logger.warning(
                "judge endpoint %s does not say how many tokens a call has used; they are estimated from the length of "
                "request and reply, and such calls are counted (mrpo/judge/estimated_calls_total).",
                self.endpoint.host,
            )
        pixels, most = self.settings.image_max_pixels, self.settings.max_tokens
        return estimate(messages, body, image_max_pixels=pixels, max_tokens=most)


@register_judge("openai")
def openai_judge(options: Mapping[str, Any]) -> OpenAIJudge:
    """The judge at `mrpo.judge.openai.base_url`."""
    settings = OpenAISettings(**options["openai"])
    endpoint = Endpoint.of(settings.base_url, options["allow_hosts"])
    # The router of verl's reward model has a new port in every run; its model is named by its path.
    own_address = options["cache"]["namespace"] is None and options["name"] != "router"
    cache_address = endpoint.url if own_address else None
    job = options.get("job") or JobLimits(Budget.of(options))  # an ensemble's members share one
    limits = EndpointLimits(**options["limits"])
    return OpenAIJudge(settings, endpoint=endpoint, limits=limits, job=job, cache_address=cache_address)
