"""Whether a judge is asked about a rollout, and what its answer is worth; without verl.

A judgement that failed, for whatever reason, is never a label and never a reward of 0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.endpoint.prompt_turns import turns_of
from recipe.mrpo.judge import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.member_options import SHOWN_IMAGES, judges_asked
from recipe.mrpo.judge.protocol import GivenRollout
from recipe.mrpo.judge.when_to_judge import needs_gold_reasoning, skip_reason
from recipe.mrpo.rollout.prefixes import prefixes_of
from recipe.mrpo.scoring.faults import Told
from recipe.mrpo.scoring.rollout import Case
from recipe.mrpo.scoring.row import BadRow, Row
from reward_fns.choices import choices_of, chosen_text

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
    answer: int | None = None
    """The verdict on the answer, 1 right or 0 wrong; None: not asked for, or it failed."""


def _kept(judgement: Judgement) -> dict[str, Any]:
    """What a record keeps of the grades and reasons behind the labels, if there are any."""
    kept: dict[str, Any] = {}
    if judgement.grades is not None:
        kept["grades"] = [dict(grades) for grades in judgement.grades]
    if judgement.continuations is not None:
        kept["right_of_known"] = [list(count) for count in judgement.continuations]
    if judgement.reasons is not None:
        kept["reasons"] = list(judgement.reasons)
    return kept


def judge_is_shown_images(options: Mapping[str, Any]) -> bool:
    """Does a judge of the node `mrpo.judge` look at images? A user's own judge is assumed to."""

    def looks(one: Mapping[str, Any]) -> bool:
        if one["name"] in SHOWN_IMAGES:
            return bool(one["openai"]["send_image"])
        return one["name"] != "overlap"

    return any(map(looks, judges_asked(options)))


def judge_needs_gold_reasoning(options: Mapping[str, Any]) -> bool:
    """Does a judge of the node `mrpo.judge` compare steps with gold reasoning?"""
    return needs_gold_reasoning([str(one["name"]) for one in judges_asked(options)])


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
        verdict: bool = False,
        gold_reasoning: bool = True,
    ) -> None:
        """`shaped`: does shaping read the labels of a rollout that is wrong (True), right (False) or neither (None)?
        `verdict`: does the judge decide whether the answer is right? Then it is asked about every rollout.
        `gold_reasoning`: does the judge need it?"""
        self.verdict, self._gold_reasoning = verdict, gold_reasoning
        self.overall, self._ask_for, self._read, self._shaped = overall, ask_for, read_by_rewards, shaped
        self.show_images = show_images
        self.told = Told()

    async def label(
        self, judge: Judge, case: Case, row: Row | BadRow, *, prompt: Any, not_chosen: str | None = None
    ) -> Labels:
        """Labels of the case's steps; `prompt` are the chat messages that hold the case's images.

        `not_chosen`: why its steps are not judged (`judge/spending.py`); a verdict on the answer is asked for all the
        same. Raises PermissionError for a row that may not be sent where the judge lives."""
        unlabelled = self._unlabelled(case, row, not_chosen)
        answer = None
        if self.verdict and not isinstance(row, BadRow):
            answer = chosen_text(case.given.prediction, choices_of(row.extra_info))  # the judge sees no letters
        asked = answer is not None and bool(answer.strip())
        verdict = 0 if self.verdict and not asked and not isinstance(row, BadRow) else None  # no answer is a wrong one
        if isinstance(row, BadRow) or (unlabelled is not None and not asked):
            return replace(unlabelled or Labels(None, "skipped:bad_row"), answer=verdict)
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
            steps=() if unlabelled is not None else tuple(case.step_texts),
            rollout_answer=answer if asked else None,
            images=images.read,
            unread_image=images.problem,
            may_leave_machine=leaves,
            overall=self.overall,
            rollout=GivenRollout(turns_of(prompt), prefixes_of(case.given.parsed.text, case.steps), row.extra_info),
        )
        judgement = await judge.label(request)
        cost = {**asdict(judgement.usage), "agreement": judgement.agreement, **_kept(judgement)}
        failure = judgement.failure
        if failure is None and asked and judgement.answer is None:  # a judge that knows no verdict on answers
            failure = "missing_answer"
        if judgement.labels is None or failure is not None:
            detail = ascii(judgement.detail[:200])[1:-1]  # it may quote a model
            logger.warning("judge %s failed: %s %s", judge.name, failure, detail)
            return Labels(None, f"failed:{failure}", judge=cost, answer=verdict)
        found = judgement.answer if asked else verdict
        if unlabelled is not None:
            return replace(unlabelled, judge=cost, answer=found)
        return Labels(list(judgement.labels), "ok", judgement.overall, cost, found)

    def _unlabelled(self, case: Case, row: Row | BadRow, not_chosen: str | None) -> Labels | None:
        """Why the steps of a rollout are not labelled; None where they are."""
        if not_chosen and not isinstance(row, BadRow):
            # Before the steps are looked at: a rollout without steps would be the one known process reward, a 0.
            return Labels(None, f"skipped:{not_chosen}")
        if not case.steps:
            return Labels([], "ok")  # a fact about the rollout, not about the judge: there is nothing to label
        if isinstance(row, BadRow):
            return Labels(None, "skipped:bad_row")
        if self._gold_reasoning and not row.gold_reasoning.strip():
            return Labels(None, "skipped:no_gold_reasoning")
        if self.verdict:
            return None  # right and wrong are not known before the judge is asked
        shaped = self._shaped[case.wrong]
        reason = skip_reason(self._ask_for, wrong=case.wrong, read_by_rewards=self._read, shaped=shaped)
        return None if reason is None else Labels(None, f"skipped:{reason}")
