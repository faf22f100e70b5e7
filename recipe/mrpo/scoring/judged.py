"""One rollout from its text to its record: answer, step labels, every reward; for training and for evaluation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from recipe.mrpo.judge import Judge
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.rollout.steps import Step
from recipe.mrpo.scoring.labels import Labeller
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import BadRow, Row


async def judged_rollout(
    text: str,
    row: Row | BadRow,
    *,
    scorer: Scorer,
    labeller: Labeller,
    judge: Judge,
    prompt: Any,
    spans: Callable[[Sequence[Step]], list[tuple[int, int]]],
    response_tokens: int,
    not_chosen: str | None = None,
) -> RolloutRecord:
    """The record of a rollout. `prompt`: the chat messages that hold the case's images; `spans`: tokens of each step.
    `not_chosen`: why its steps are not judged, one of `judge.spending.NOT_CHOSEN`; None: they are.

    Raises PermissionError for a row that may not be sent where the judge lives, and what a judge or a reward of a user
    raises outside its own call.
    """
    case = await asyncio.to_thread(scorer.begin, text, row)
    found = await labeller.label(judge, case, row, prompt=prompt, not_chosen=not_chosen)
    by_text, case = case, scorer.decided(case, found.answer)
    score = await asyncio.to_thread(scorer.finish, case, found.labels, found.overall)
    return RolloutRecord(
        steps=case.step_texts,
        spans=spans(case.steps),
        labels=found.labels,
        judge_status=found.status,
        rewards=dict(score.values),
        weights=dict(score.weights),
        answer=case.given.prediction,
        case=row.case() if isinstance(row, Row) else {},
        wrong=case.wrong,
        well_formed=case.given.parsed.well_formed,
        response_tokens=response_tokens,
        judge=(found.judge or {}) | _verdict(scorer, by_text.values.get("answer"), found.answer),
        errors=dict(score.errors),
    )


def _verdict(scorer: Scorer, by_text: float | None, verdict: int | None) -> dict[str, Any]:
    """What a record keeps where the judge decides: its verdict, and what the text measure says of the same answer."""
    if not scorer.asks_for_verdict:
        return {}
    fallback = verdict is None and scorer.options.rewards.answer.fallback == "text"
    return {"answer": verdict, "answer_by_text": by_text, "answer_fallback": fallback}


def unscored_record(scorer: Scorer, *, response_tokens: int, **why: Any) -> RolloutRecord:
    """The record of a rollout with unknown rewards and labels: it stays where it is, unrewarded and unshaped."""
    weights = dict(scorer.weights)
    return RolloutRecord(
        steps=[], spans=[], labels=None, judge_status="skipped:unscored", rewards=dict.fromkeys(weights),
        weights=weights, answer=None, wrong=None, well_formed=False, response_tokens=response_tokens, **why,
    )  # fmt: skip
