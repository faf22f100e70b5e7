"""Whether a judge is asked about a rollout, and what its answer is worth; without verl.

A judgement that failed, for whatever reason, is never a label and never a reward of 0.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.judge import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.when_to_judge import skip_reason
from recipe.mrpo.scoring.faults import CAUGHT, ENDS_THE_RUN, Told
from recipe.mrpo.scoring.rollout import Case
from recipe.mrpo.scoring.row import BadRow, Row

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """The labels of one rollout, or why there are none."""

    labels: list[int] | None
    status: str
    """"ok", "failed:<kind>" or "skipped:<reason>"."""
    overall: int | None = None
    judge: dict[str, Any] | None = None
    """What the judgement cost; None: no judge was asked."""


def judge_is_shown_images(options: Mapping[str, Any]) -> bool:
    """Does a judge of the node `mrpo.judge` look at images? Of a user's own it is taken that it does."""

    def looks(one: Mapping[str, Any]) -> bool:
        if one["name"] in ("openai", "router"):
            return bool(one["openai"]["send_image"])
        return one["name"] != "overlap"

    return any(map(looks, judges_asked(options)))


class Labeller:
    """Asks a judge about the rollouts that need one (`mrpo.judge.ask_for`)."""

    def __init__(
        self, *, ask_for: str, read_by_rewards: bool, shaped: Mapping[bool | None, bool], overall: bool
    ) -> None:
        """`shaped`: are the labels of a wrong (True), right (False), neither right nor wrong (None) rollout read?"""
        self.overall, self._ask_for, self._read, self._shaped = overall, ask_for, read_by_rewards, shaped
        self.told = Told()

    async def label(self, judge: Judge, case: Case, row: Row | BadRow, *, images: Images) -> Labels:
        """Labels of the case's steps. Raises PermissionError for a row that may not be sent where the judge lives."""
        if not case.steps:
            return Labels([], "ok")  # a fact about the rollout, not about the judge: there is nothing to label
        if isinstance(row, BadRow):
            return Labels(None, "skipped:bad_row")
        if not row.gold_reasoning.strip():
            return Labels(None, "skipped:no_gold_reasoning")
        shaped = self._shaped[case.wrong]
        reason = skip_reason(self._ask_for, wrong=case.wrong, read_by_rewards=self._read, shaped=shaped)
        if reason is not None:
            return Labels(None, f"skipped:{reason}")
        try:
            leaves = row.may_leave_machine()
        except BadRow as error:  # nobody has said clearly who may see it, so nobody is asked
            self.told("a row of the data", error)
            return Labels(None, "failed:bad_row")
        request = JudgeRequest(
            question=row.question,
            answer=row.gold[0],
            alternatives=row.gold[1:],
            gold_reasoning=row.gold_reasoning,
            steps=tuple(case.step_texts),
            images=images.read,
            unread_image=images.problem,
            may_leave_machine=leaves,
            overall=self.overall,
        )
        judgement = await judged(judge, request, told=self.told)
        cost = {**asdict(judgement.usage), "agreement": judgement.agreement}
        if judgement.labels is None:
            logger.warning("judge %s failed: %s %s", judge.name, judgement.failure, judgement.detail[:200])
            return Labels(None, f"failed:{judgement.failure}", judge=cost)
        return Labels(list(judgement.labels), "ok", judgement.overall, cost)


async def judged(judge: Judge, request: JudgeRequest, *, told: Told) -> Judgement:
    """What `judge` says of the request; failure `exception` for a judge that raises or gives no label to each step.

    Raises what ends a run: PermissionError for a row that may not be sent where the judge lives.
    """
    try:
        judgement = await judge.label(request)
        if not isinstance(judgement, Judgement):
            raise TypeError(f"label() returned {type(judgement).__name__}, not a Judgement")
        if judgement.labels is not None and len(judgement.labels) != len(request.steps):
            raise ValueError(f"{len(judgement.labels)} labels for {len(request.steps)} steps")
        return judgement
    except ENDS_THE_RUN:
        raise
    except CAUGHT as error:
        told(f"the judge {judge.name}", error)
        return Judgement(failure="exception", detail=ascii(f"{type(error).__name__}: {error}")[:300])
