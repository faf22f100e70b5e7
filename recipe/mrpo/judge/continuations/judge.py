"""Labels without a judge model: from the end of each step a model goes on to an answer, n times.

    v_k = right continuations after step k / known continuations after step k,   v_0: before the first step
    step k is valid if v_k >= v_{k-1} - max_drop

A continuation is the policy's prompt, with its images, and the rollout up to there, completed by the model at
mrpo.judge.openai; the answer reward of the run says whether it is right. One that failed is unknown and counted. With
fewer than min_known known continuations of a prefix the labels beside it are unknown, and with them the judgement.
Source: Math-Shepherd, arXiv 2312.08935 (the estimate of v_k; the label there is v_k itself or v_k > 0).

The rollout goes into an assistant message that the server is told to go on from, because only the chat protocol of
OpenAI-compatible servers takes images; /v1/completions takes text alone. So the server renders the template, and no
twin of the policy's template can disagree with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint.image import BadImage
from recipe.mrpo.endpoint.outage import is_outage
from recipe.mrpo.endpoint.prompt_turns import chat_messages
from recipe.mrpo.judge.chat.address import where_it_lives
from recipe.mrpo.judge.chat.calls import Calls
from recipe.mrpo.judge.chat.detail import DETAIL_CHARS, detail_of
from recipe.mrpo.judge.chat.judge import ChatJudge
from recipe.mrpo.judge.chat.reply import ReplyLabels
from recipe.mrpo.judge.continuations import grading
from recipe.mrpo.judge.continuations.grading import Continued, Grader
from recipe.mrpo.judge.continuations.labels import Count, first_unknown, labels_of
from recipe.mrpo.judge.continuations.settings import NODE, ContinuationSettings
from recipe.mrpo.judge.protect.breaker import Permit
from recipe.mrpo.judge.protect.budget import OVER_BUDGET
from recipe.mrpo.judge.protocol import GivenRollout, Judgement, JudgeRequest
from recipe.mrpo.judge.registry import register_judge
from recipe.mrpo.judge.usage import Usage

REMEDIES = {
    grading.TRUNCATED: f"raise {NODE}.max_tokens, or set {NODE}.cut_off=wrong",
    grading.NOT_CONTINUED: f"the server begins anew in the place of going on; set {NODE}.continue_by for it "
    "(docs/judge.md)",
    grading.NOT_GRADED: "the reward workers' log has the error of the answer reward",
}


class ContinuationsJudge(ChatJudge):
    """Endpoint, retries, limits, cache and privacy are those of `ChatJudge`; `concurrency` counts continuations."""

    name = "continuations"

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Raises ValueError naming the option of the node `mrpo.judge` (`options`) that cannot be."""
        given = ContinuationSettings(**options["continuations"])
        super().__init__(given.request_settings(options["openai"], continued=True), **where_it_lives(options))
        self.given = given
        self.grader = Grader(given, own_timeout_s=options["own_timeout_s"])
        # Where nothing has been said yet, the model answers as usual.
        self._from_start = replace(self._service, settings=given.request_settings(options["openai"], continued=False))

    async def label_with_permit(self, permit: Permit, request: JudgeRequest) -> Judgement:
        """Labels of the request's steps; all continuations are asked for at once, in the order of the steps.

        Failures: no_prompt (the request has no prompt of the policy), control_token (the rollout spells one, which the
        server would obey), too_many_steps, too_many_images, too_long, bad_image, and the kind of most continuations
        that are unknown where too few are known: truncated, not_continued, not_graded, those of `Calls.complete`.
        Raises PermissionError, before anything is sent, for a case that may not be sent there.
        """
        self.endpoint.require(may_leave_machine=request.may_leave_machine)
        if not request.steps:
            return Judgement(labels=())
        rollout = request.rollout
        if rollout is None or not rollout.prompt or len(rollout.prefixes) != len(request.steps) + 1:
            return Judgement(
                failure="no_prompt", detail="the policy's prompt, or the text of the rollout, is not known"
            )
        if grading.CONTROL_TOKEN.search(rollout.prefixes[-1]):
            return Judgement(failure="control_token", detail="the rollout spells a control token of a chat template")
        if (refused := self.beyond_limits(request)) is not None:
            return refused
        try:
            messages = await asyncio.to_thread(self.messages, request)
        except BadImage as error:
            return Judgement(failure="bad_image", detail=printable(error, DETAIL_CHARS))
        said = sum(len(part or "") for _, parts in rollout.prompt for part in parts) + len(rollout.prefixes[-1])
        if (refused := self.too_long(said)) is not None:
            return refused
        used: list[Calls] = []
        start = time.perf_counter()
        known, lost = await self._continue(permit, request, rollout, messages, used)
        usage = sum((calls.usage for calls in used), Usage(cached=False))
        wanted = self.given.n * len(rollout.prefixes)
        usage = replace(
            usage,
            continuations=wanted,
            unknown_continuations=wanted - sum(count.known for count in known),
            latency_s=time.perf_counter() - start,
        )
        counts = tuple((count.right, count.known) for count in known)
        failed = first_unknown(known, min_known=self.given.min_known)
        if failed is not None:
            failure, detail = self._why(known, lost, private=not request.may_leave_machine)
            return Judgement(failure=failure, detail=detail, usage=usage, continuations=counts)
        labels = labels_of(known, max_drop=self.given.max_drop)
        return Judgement(labels=labels, usage=usage, continuations=counts)

    def messages(self, request: JudgeRequest) -> list[dict[str, Any]]:
        """The policy's prompt with its images; in a thread. Raises BadImage, also where an image has no place."""
        prompt = request.rollout.prompt if request.rollout is not None else ()
        if not self.settings.send_image:
            prompt = tuple((role, tuple(part for part in parts if part is not None)) for role, parts in prompt)
        try:
            return chat_messages(prompt, self.image_urls(request))
        except BadImage:
            raise
        except ValueError as error:
            raise BadImage(str(error)) from error

    def cache_key(self, request: JudgeRequest) -> bytes:
        """Hash of all that labels depend on; as `ChatJudge.cache_key`."""
        s, rollout = self.settings, request.rollout or GivenRollout((), ())
        try:
            prompt: list[Any] = self.messages(request)
        except BadImage:  # never judged, but its key must not be that of another image
            prompt = [list(rollout.prompt), *(hashlib.sha256(data).hexdigest() for data, _ in request.images)]
        about = [request.question, request.answers, request.gold_reasoning, rollout.prefixes, len(request.steps)]
        extra = rollout.extra_info if self.grader.reward.own else None
        depends = [
            self.name, self.cache_address, s.model, s.query, s.extra_body, astuple(self.given), about, extra, prompt,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(depends, sort_keys=True, default=str).encode()).digest()

    async def _continue(
        self,
        permit: Permit,
        request: JudgeRequest,
        rollout: GivenRollout,
        messages: list[dict[str, Any]],
        used: list[Calls],
    ) -> tuple[list[Count], list[list[Continued]]]:
        """Known and lost continuations of each prefix; given up as soon as one prefix can no longer be known."""
        n, spare = self.given.n, self.given.n - self.given.min_known
        known = [Count(0, 0) for _ in rollout.prefixes]
        lost: list[list[Continued]] = [[] for _ in rollout.prefixes]
        wanted = [k for k in range(len(rollout.prefixes)) for _ in range(n)]
        # An endpoint that was down is probed by one call.
        waves = [wanted] if permit.may_retry() else [wanted[:1], wanted[1:]]
        for wave in waves:
            tasks = {
                asyncio.create_task(self._one(permit, request, rollout, k, messages, used)): k for k in wave
            }  # fmt: skip
            pending = set(tasks)
            try:
                while pending:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        k, given = tasks[task], task.result()
                        if given.right is None:
                            lost[k].append(given)
                        else:
                            known[k] = Count(known[k].right + given.right, known[k].known + 1)
                    if any(len(failed) > spare for failed in lost):
                        return known, lost
                    if len(wave) == 1 and any(is_outage(each.failure) for failed in lost for each in failed):
                        return known, lost
            finally:
                for task in pending:
                    task.cancel()
                await asyncio.gather(*pending, return_exceptions=True)
        return known, lost

    async def _one(
        self,
        permit: Permit,
        request: JudgeRequest,
        rollout: GivenRollout,
        k: int,
        messages: list[dict[str, Any]],
        used: list[Calls],
    ) -> Continued:
        """One continuation of prefix k."""
        # Templates trim the message that is to be continued, so the words begin after its last one.
        prefix = ((self.given.opening or "") + rollout.prefixes[k]).rstrip()
        state = self._state()
        async with state.slots:
            calls = Calls(self._service if prefix else self._from_start, state.client, permit)
            used.append(calls)
            last = {"role": "assistant", "content": prefix, **self.given.message_fields}
            asked = [*messages, last] if prefix else messages
            completion = await calls.complete(asked, temperature=self.given.temperature, schema=None)
        return await asyncio.to_thread(self.grader.grade, prefix, completion, request, rollout.extra_info)

    def _why(self, known: Sequence[Count], lost: Sequence[Sequence[Continued]], *, private: bool) -> tuple[str, str]:
        """Kind and detail of a failed judgement: of the prefix with fewest known, the kind of most unknown ones."""
        everywhere = {each.failure for failed in lost for each in failed}
        k = max(range(len(known)), key=lambda at: (len(lost[at]), -at))
        kinds = Counter(str(each.failure) for each in lost[k])
        kind = next((str(spent) for spent in OVER_BUDGET if spent in everywhere), None)
        kind = kind or min(kinds, key=lambda name: (-kinds[name], name))
        told = ", ".join(f"{name} x{count}" for name, count in sorted(kinds.items()))
        quoted = next((each.detail for failed in lost for each in failed if each.failure == kind), "")
        shown = detail_of(ReplyLabels(None, kind, quoted), key=self._key, private=private)
        ours = f"after step {k}: {told} of {self.given.n} continuations, {NODE}.min_known={self.given.min_known}"
        return kind, printable("; ".join(filter(None, (ours, REMEDIES.get(kind, ""), shown))), DETAIL_CHARS)


@register_judge("continuations")
def continuations_judge(options: Mapping[str, Any]) -> ContinuationsJudge:
    """The judge that continues rollouts at `mrpo.judge.openai.base_url`."""
    return ContinuationsJudge(options)
