"""The question to a judge and its reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint.prompt_turns import Turn
from recipe.mrpo.judge.usage import Usage


@dataclass(frozen=True)
class GivenRollout:
    """The rollout as the policy wrote it, for a judge that goes on from there.

    `prompt`: the turns that the policy was shown. `prefixes`: K + 1 texts, all before the first step, then all up to
    the end of each. `extra_info`: that of the row, for the answer reward.
    """

    prompt: tuple[Turn, ...]
    prefixes: tuple[str, ...]
    extra_info: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class JudgeRequest:
    """One rollout to label: the case it belongs to and its reasoning steps, in order.

    `alternatives`: other answers that are right as well. `may_leave_machine` False: the case may only be sent to a
    judge on this machine or to an allowed host. `overall`: is the judge to grade the reasoning as a whole, too?
    `rollout_answer`: the answer that the rollout gave, if the judge is to say whether it is right.
    `images`: (bytes, MIME type) of each image of the prompt, in order. `unread_image`: why one of them is not there,
    which a judge of images must take for a failure and not for a case without an image. `rollout`: prompt and text of
    the rollout, where they are known.
    """

    question: str
    answer: str
    gold_reasoning: str
    steps: tuple[str, ...]
    images: tuple[tuple[bytes, str], ...]
    may_leave_machine: bool
    overall: bool = False
    alternatives: tuple[str, ...] = ()
    rollout_answer: str | None = None
    unread_image: str | None = None
    rollout: GivenRollout | None = None

    @property
    def answers(self) -> tuple[str, ...]:
        """All right answers, `answer` first."""
        return (self.answer, *self.alternatives)


@dataclass(frozen=True)
class Judgement:
    """The labels of one rollout, one per step (1 valid, 0 invalid), or the reason why there are none.

    Exactly one of `labels` and `failure` is set: a failed judgement is never a label and never a reward of 0.
    `failure` is a short kind such as "timeout", "http_500" or "missing_step"; `detail` says more, for people.
    `usage` is the cost of the judgement, failed or not. `agreement` is the mean share of an ensemble's members that
    voted with the majority (None: a single judge), `overall` the grade of the reasoning as a whole, 1 or 0 (None: not
    asked for). `grades`: for each step what the rubric asks of it, 1 yes, 0 no, None not applicable; `reasons`: why,
    in the judge's words. None: the judge has none, or they come from the cache, which keeps labels alone. `answer`: is
    the rollout's answer right, 1 or 0 (None: not asked). `continuations`: (right, known) of each prefix, of a judge
    that continues rollouts; a failed judgement has them, too.

    Raises ValueError if both or neither of labels and failure are set, or a label is not 0 or 1.
    """

    labels: tuple[int, ...] | None = None
    failure: str | None = None
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    agreement: float | None = None
    overall: int | None = None
    grades: tuple[Mapping[str, int | None], ...] | None = None
    reasons: tuple[str | None, ...] | None = None
    answer: int | None = None
    continuations: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if (self.labels is None) == (self.failure is None):
            raise ValueError("a judgement has either labels or a failure")
        if self.labels is not None and any(type(label) is not int or label not in (0, 1) for label in self.labels):
            raise ValueError(f"labels are 0 or 1, not {self.labels!r}")
        if self.overall is not None and (type(self.overall) is not int or self.overall not in (0, 1)):
            raise ValueError(f"the overall grade is 0 or 1, not {self.overall!r}")
        if self.answer is not None and (type(self.answer) is not int or self.answer not in (0, 1)):
            raise ValueError(f"the verdict on the answer is 0 or 1, not {self.answer!r}")
        # Logs and terminals show it, and an endpoint or a judge of a user may quote anything.
        object.__setattr__(self, "detail", printable(self.detail))


@runtime_checkable
class Judge(Protocol):
    """Labels the steps of one rollout.

    `label` never raises for a fault of the judge (it returns a failure); it raises PermissionError when the request
    may not be sent where this judge lives, because that is for the user to decide.
    """

    name: str

    async def label(self, request: JudgeRequest) -> Judgement: ...

    async def close(self) -> None: ...


class CacheableJudge(Judge, Protocol):
    """A judge that reports everything its labels depend on; made by name, it gets a cache and a breaker."""

    def cache_key(self, request: JudgeRequest) -> bytes: ...
