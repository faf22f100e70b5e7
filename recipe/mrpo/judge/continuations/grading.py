"""One continuation: right or wrong by the answer reward, or unknown and why."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from recipe.mrpo.common.response_format import TAG
from recipe.mrpo.common.time_limit import LimitedCalls
from recipe.mrpo.endpoint.completion import Completion
from recipe.mrpo.judge.continuations.settings import ContinuationSettings
from recipe.mrpo.judge.protocol import JudgeRequest
from recipe.mrpo.rollout.parsing import ParsedRollout, parse
from recipe.mrpo.rollout.record import is_wrong
from reward_fns.build import build_rewards
from reward_fns.registry import RewardInput

logger = logging.getLogger(__name__)

TRUNCATED, NOT_CONTINUED, NOT_GRADED = "truncated", "not_continued", "not_graded"
"""Cut off before its answer; begun anew in the place of going on; the answer reward raised or does not know."""

CONTROL_TOKEN = re.compile(
    r"<\|[^<>|\s]{1,60}\|>|<\uff5c[^<>\s]{1,60}\uff5c>|</?(?:s|img|image|bos|eos|pad|IMG_CONTEXT)>|\[/?INST\]"
    r"|<(?:start|end)_of_(?:turn|image)>"
)
"""Spellings of control tokens: a server's tokenizer would take them, within the rollout's text, for its own marks."""


class Continued(NamedTuple):
    """`right` None: unknown, and `failure` says why."""

    right: bool | None
    failure: str | None = None
    detail: str = ""


class Grader:
    """Grades continuations by the answer reward of the run. Raises ValueError naming the option of that reward."""

    def __init__(self, settings: ContinuationSettings, *, own_timeout_s: float) -> None:
        self.settings, self.own_timeout_s = settings, own_timeout_s
        (self.reward,) = build_rewards({"answer": settings.answer}, tau=settings.tau)
        self._own_calls, self._told = LimitedCalls(), False

    def grade(self, prefix: str, completion: Completion, request: JudgeRequest, extra: Mapping[str, Any]) -> Continued:
        """Is the rollout right that begins with `prefix` and goes on with the completion? Call it in a thread.

        Raises PermissionError alone, from a user's own answer reward, which ends the run so.
        """
        if completion.failure is not None:
            return Continued(None, completion.failure, completion.detail)
        said = completion.reasoning + completion.content  # a server's reasoning parser takes the think block apart
        if prefix and said.startswith(prefix):
            said = said[len(prefix) :]  # some servers repeat the message that they go on from
        begun = TAG.match(said.lstrip())
        if begun and begun[1] is None and begun[2].lower() != "answer" and parse(prefix).open_think is not None:
            return Continued(None, NOT_CONTINUED, "the reply opens a think block anew")
        parsed = parse(prefix + said)
        graded_all_the_same = self.settings.cut_off == "wrong" and completion.cut_off_by_length
        if completion.cut_off and not parsed.answer_closed and not graded_all_the_same:
            return Continued(None, TRUNCATED, f"finish_reason={completion.finish_reason}")
        return self._graded(parsed, request, extra)

    def _graded(self, parsed: ParsedRollout, request: JudgeRequest, extra: Mapping[str, Any]) -> Continued:
        given = RewardInput(
            parsed=parsed, prediction=parsed.answer, gold=request.answers, gold_reasoning=request.gold_reasoning,
            num_steps=len(request.steps), labels=None, overall=None, question=request.question, answer_correct=None,
            extra_info=extra,
        )  # fmt: skip
        try:
            if self.reward.own:
                value = self._own_calls(self.reward.fn, given, limit_s=self.own_timeout_s)
            else:
                value = self.reward.fn(given)
        except Exception as error:  # whatever the answer reward raises; the user's own may raise anything
            if isinstance(error, PermissionError) and error.errno is None:
                raise
            if not self._told:
                self._told = True
                logger.error("the answer reward cannot grade a continuation; told once", exc_info=error)
            return Continued(None, NOT_GRADED, type(error).__name__)
        if value is None:
            return Continued(None, NOT_GRADED, "the answer reward is unknown")
        return Continued(not is_wrong(value, tau=self.settings.tau))
