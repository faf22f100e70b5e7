"""A judge behind any endpoint that speaks the OpenAI chat completions protocol (vLLM, SGLang, hosted models).

A judge with another verdict is a subclass with two hooks; calls, retries, budget, breaker, cache and privacy stay:

    from recipe.mrpo.endpoint.untrusted_json import untrusted_json
    from recipe.mrpo.judge.chat.judge import ChatJudge
    from recipe.mrpo.judge.chat.reply import ReplyLabels

    class YesNoJudge(ChatJudge):
        name = "yes_no"

        def messages(self, request):
            data = untrusted_json({"gold_answer": request.answer, "steps": request.steps})
            return [{"role": "user", "content": f"Is every step right? Reply with yes or no.\\n{data}"}]

        def schema(self, request):
            return None

        def parse(self, reply, request, *, cut_off):
            word = reply.strip().lower().rstrip(".")
            if word not in ("yes", "no"):
                return ReplyLabels(None, "unparsable", "neither yes nor no")
            return ReplyLabels((int(word == "yes"),) * len(request.steps), None, "")

`mrpo.judge.name=my_judges:YesNoJudge` asks it; the options mrpo.judge.openai say where it lives.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.image import BadImage, data_url
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge.chat.address import run_options_named, where_it_lives
from recipe.mrpo.judge.chat.calls import REPLY_FAILURES, Calls, Service
from recipe.mrpo.judge.chat.detail import DETAIL_CHARS, detail_of, explained
from recipe.mrpo.judge.chat.reply import ReplyLabels, asked_of, parse_reply
from recipe.mrpo.judge.chat.rubric import build_messages, schema_of
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.judge.chat.settings import OpenAISettings
from recipe.mrpo.judge.chat.structured_output import StructuredOutput
from recipe.mrpo.judge.protect.breaker import CircuitBreaker, Permit
from recipe.mrpo.judge.protect.job_limits import EndpointKey, JobLimits
from recipe.mrpo.judge.protect.rate import EndpointLimits
from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.judge.registry import register_judge


@dataclass
class _LoopState:
    """The state of one event loop: sockets and semaphores cannot be shared between loops."""

    client: ChatClient
    slots: asyncio.Semaphore


class ChatJudge:
    """Asks a model for the grades of its rubric, from which the labels follow.

    A call lasts at most `timeout_s`; a judgement makes at most 2 + max_retries calls (and as many again while the
    endpoint refuses structured output), with at most max(backoff_max_s, 1.5 retry_after_max_s) between two.
    """

    name = "openai"

    def __init__(
        self,
        settings: OpenAISettings,
        *,
        endpoint: Endpoint,
        key: Secret,
        limits: EndpointLimits,
        job: JobLimits,
        cache_address: str | None,
    ) -> None:
        self.settings, self.endpoint, self.cache_address = settings, endpoint, cache_address
        self.rubric = Rubric.load(settings.rubric, counted=settings.valid_grades or (), reasons=settings.reasons)
        self._key = key
        self._service = Service(
            settings,
            endpoint.host,
            job,
            EndpointKey(hashlib.sha256(endpoint.url.encode()).hexdigest()[:8], limits),
            StructuredOutput(settings.response_format, endpoint.host),
        )
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopState] = weakref.WeakKeyDictionary()
        self._client()  # wrong settings raise before the first rollout

    @classmethod
    def from_judge_options(cls, options: Mapping[str, Any]) -> ChatJudge:
        """The judge of this class that `options` (the node `mrpo.judge`) describes. Raises ValueError."""
        return cls(OpenAISettings(**options["openai"]), **where_it_lives(options))

    def messages(self, request: JudgeRequest) -> list[dict[str, Any]]:
        """Hook: the chat messages of a request, also the cache's key; in a thread. Raises BadImage."""
        images = self.image_urls(request)
        return build_messages(request, self.rubric, images=images, max_step_chars=self.settings.max_step_chars)

    def schema(self, request: JudgeRequest) -> dict[str, Any] | None:
        """Hook: the JSON schema of a verdict, for structured output; None: no structured output."""
        return schema_of(request, self.rubric.grades)

    def parse(self, reply: str, request: JudgeRequest, *, cut_off: bool) -> ReplyLabels:
        """Hook: the labels that a reply gives, or the kind of its failure; then the judge is asked once more. Never
        raises: the reply is untrusted. `cut_off`: the reply was cut off."""
        return parse_reply(reply, cut_off=cut_off, **asked_of(request, self.rubric.grades))

    @property
    def stays_on_machine(self) -> bool:
        """May private cases go to the endpoint?"""
        return self.endpoint.private_allowed

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError if such a case may not be sent to this endpoint."""
        self.endpoint.require(may_leave_machine=may_leave_machine)

    async def label(self, request: JudgeRequest) -> Judgement:
        """As `label_with_permit`, without a breaker that could open."""
        never_open = CircuitBreaker(failures=1, pause_s=0, clock=time.monotonic)
        return await self.label_with_permit(Permit(never_open), request)

    async def label_with_permit(self, permit: Permit, request: JudgeRequest) -> Judgement:
        """Labels of the request's steps; `permit` is asked before every call, because all calls wait for something.

        Failures: too_many_steps, too_many_images, too_long, bad_image, truncated and those of `Calls.complete` and
        `parse`. Raises PermissionError, before anything is sent, for a case that may not be sent there.
        """
        self.endpoint.require(may_leave_machine=request.may_leave_machine)
        if not request.steps and request.rollout_answer is None:
            return Judgement(labels=())
        if refused := self.beyond_limits(request):
            return refused
        try:
            messages = await asyncio.to_thread(self.messages, request)
        except BadImage as error:
            return Judgement(failure="bad_image", detail=printable(error, DETAIL_CHARS))
        if (refused := self.too_long(_text_chars(messages[-1]))) is not None:
            return refused
        state = self._state()
        async with state.slots:
            calls, start = Calls(self._service, state.client, permit), time.perf_counter()
            outcome = await self._ask_twice(calls, request, messages)
            usage = replace(calls.usage, latency_s=time.perf_counter() - start)
        return Judgement(
            labels=outcome.labels,
            failure=outcome.failure,
            detail=detail_of(outcome, key=self._key, private=not request.may_leave_machine),
            overall=outcome.overall,
            grades=outcome.grades,
            reasons=outcome.reasons,
            answer=outcome.answer,
            usage=usage,
        )

    def beyond_limits(self, request: JudgeRequest) -> Judgement | None:
        """The failure of a request with more steps or images than are judged."""
        if len(request.steps) > self.settings.max_steps:
            detail = f"{len(request.steps)} steps, mrpo.judge.openai.max_steps={self.settings.max_steps}"
            return Judgement(failure="too_many_steps", detail=detail)
        shown = request.images if self.settings.send_image else ()
        if len(shown) > self.settings.max_images:
            detail = f"{len(shown)} images, mrpo.judge.openai.max_images={self.settings.max_images}"
            return Judgement(failure="too_many_images", detail=detail)
        return None

    def too_long(self, size: int) -> Judgement | None:
        """The failure of a prompt of more characters than are sent."""
        limit = self.settings.max_prompt_chars
        detail = f"{size} characters, mrpo.judge.openai.max_prompt_chars={limit}"
        return Judgement(failure="too_long", detail=detail) if size > limit else None

    def image_urls(self, request: JudgeRequest) -> list[str]:
        """The images of the case as they are sent; in a thread. Raises BadImage for one that cannot be read."""
        if not self.settings.send_image:
            return []
        if request.unread_image is not None:  # labels of a case that was not seen whole would be guesses
            raise BadImage(request.unread_image)
        return [data_url(data, self.settings.image_max_pixels) for data, _ in request.images]

    def cache_key(self, request: JudgeRequest) -> bytes:
        """Hash of all that labels depend on: judge, address, model, settings of the reply, and the whole prompt.

        The address is there because servers call different models by one name; `cache_address` None leaves it to
        mrpo.judge.cache.namespace to tell them apart. Waits and limits change the cost of a call, not its reply. It
        takes as long as preparing an image: call it outside the event loop.
        """
        s = self.settings
        try:
            prompt: list[Any] = self.messages(request)
        except BadImage:
            # Such a case is never judged, but its key must not be that of another image.
            blind = replace(request, images=(), unread_image=None)
            prompt = [*self.messages(blind), *(hashlib.sha256(data).hexdigest() for data, _ in request.images)]
        depends = [
            self.name, self.cache_address, s.model, s.query, s.temperature, s.reask_temperature, s.max_tokens,
            s.response_format, s.extra_body, len(request.steps), request.overall, self.rubric.hash, prompt,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).digest()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        if (state := self._loops.pop(asyncio.get_running_loop(), None)) is not None:
            await state.client.close()

    def _client(self) -> ChatClient:
        with run_options_named():
            s = self.settings
            return ChatClient(self.endpoint, key=self._key, timeout_s=s.timeout_s, query=s.query)

    def _state(self) -> _LoopState:
        if (loop := asyncio.get_running_loop()) not in self._loops:
            self._loops[loop] = _LoopState(self._client(), asyncio.Semaphore(self.settings.concurrency))
        return self._loops[loop]

    async def _ask_twice(self, calls: Calls, request: JudgeRequest, messages: list[dict[str, Any]]) -> ReplyLabels:
        """Ask. If the reply is not a verdict, ask once more at another temperature: the same one may repeat it."""
        outcome = ReplyLabels(None, "unparsable", "")
        for temperature in self.settings.temperatures:
            completion = await calls.complete(messages, temperature=temperature, schema=self.schema(request))
            if completion.failure is not None:
                outcome = ReplyLabels(None, completion.failure, completion.detail)
                if completion.failure not in REPLY_FAILURES:
                    return outcome
                continue
            outcome = self.parse(completion.content, request, cut_off=completion.cut_off)
            if outcome.labels is not None:
                break
            outcome = explained(outcome, completion, max_tokens=self.settings.max_tokens)
        return outcome


def _text_chars(message: Mapping[str, Any]) -> int:
    content = message["content"]
    return len(content) if isinstance(content, str) else sum(len(part.get("text", "")) for part in content)


@register_judge("openai")
def openai_judge(options: Mapping[str, Any]) -> ChatJudge:
    """The judge at `mrpo.judge.openai.base_url`."""
    return ChatJudge.from_judge_options(options)
