"""Whether a judge is asked about a rollout, and what its answer is worth; without verl.

A judgement that failed, for whatever reason, is never a label and never a reward of 0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.judge import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.when_to_judge import skip_reason
from recipe.mrpo.scoring.faults import Told
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


def _kept(judgement: Judgement) -> dict[str, Any]:
    """What a record keeps of the grades and reasons behind the labels, if there are any."""
    kept: dict[str, Any] = {}
    if judgement.grades is not None:
        kept["grades"] = [dict(grades) for grades in judgement.grades]
    if judgement.reasons is not None:
        kept["reasons"] = list(judgement.reasons)
    return kept


def judge_is_shown_images(options: Mapping[str, Any]) -> bool:
    """Does a judge of the node `mrpo.judge` look at images? A user's own judge is assumed to."""

    def looks(one: Mapping[str, Any]) -> bool:
        if one["name"] in ("openai", "router"):
            return bool(one["openai"]["send_image"])
        return one["name"] != "overlap"

    return any(map(looks, judges_asked(options)))


class Labeller:
    """Asks a judge about the rollouts that need one (`mrpo.judge.ask_for`)."""

    def __init__(
        self,
        *,
        ask_for: str,
        read_by_rewards: bool,
        shaped: Mapping[bool | None, bool],
        overall: bool,
        show_images: bool,
    ) -> None:
        """`shaped`: does shaping read the labels of a rollout that is wrong (True), right (False) or neither (None)?"""
        self.overall, self._ask_for, self._read, self._shaped = overall, ask_for, read_by_rewards, shaped
        self.show_images = show_images
        self.told = Told()

    async def label(self, judge: Judge, case: Case, row: Row | BadRow, *, prompt: Any) -> Labels:
        """Labels of the case's steps; `prompt` are the chat messages that hold the case's images.

        Raises PermissionError for a row that may not be sent where the judge lives."""
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
        except BadRow as error:  # the flag is unclear, so no judge is asked
            self.told("a row of the data", error)
            return Labels(None, "failed:bad_row")
        images = await asyncio.to_thread(Images.of_prompt, prompt) if self.show_images else Images()
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
        judgement = await judge.label(request)
        cost = {**asdict(judgement.usage), "agreement": judgement.agreement, **_kept(judgement)}
        if judgement.labels is None:
            detail = ascii(judgement.detail[:200])[1:-1]  # it may quote a model
            logger.warning("judge %s failed: %s %s", judge.name, judgement.failure, detail)
            return Labels(None, f"failed:{judgement.failure}", judge=cost)
        return Labels(list(judgement.labels), "ok", judgement.overall, cost)
