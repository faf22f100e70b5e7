"""The study's question about the answer alone, put to the judge of the options: O or X, or not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.judge.member_options import member_options
from recipe.mrpo.judge.protocol import Judge, JudgeRequest
from recipe.mrpo.judge.registry import judge_factory
from recipe.mrpo.scoring.row import BadRow, Row
from reward_fns.choices import choices_of, chosen_text

ANSWER_JUDGE = "recipe.mrpo.judge.chat.answer:AnswerJudge"


def answer_judge_options(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The node `mrpo.judge` of a judge that is asked about answers, at the same endpoints and within the same limits.

    An ensemble votes on the answer as it does on steps. None: the judge is no model that could be asked in words.
    """
    if options["name"] == "ensemble":
        members = {name: answer_judge_options(member) for name, member in member_options(options).items()}
        asked = {name: member for name, member in members.items() if member is not None}
        return {**options, "members": asked} if len(asked) == len(members) else None
    if options["name"] != "openai" and not hasattr(judge_factory(options), "from_judge_options"):
        return None
    return {**options, "name": ANSWER_JUDGE, "options": {}}


async def answer_verdict(
    judge: Judge, row: Row | BadRow, answer: str | None, *, prompt: Any, show_images: bool
) -> dict[str, Any]:
    """{"label": 1 | 0 | None, "status": "ok" | "failed:<kind>" | "skipped:<reason>", "judge": what it cost}."""
    if isinstance(row, BadRow):
        return {"label": None, "status": "skipped:bad_row"}
    if answer is None or not answer.strip():
        return {"label": None, "status": "skipped:no_answer"}
    try:
        leaves = row.may_leave_machine()
    except BadRow:
        return {"label": None, "status": "failed:bad_row"}
    answer = chosen_text(answer, choices_of(row.extra_info)) or answer  # the judge sees no letters of choices
    images = Images.of_prompt(prompt) if show_images else Images()
    request = JudgeRequest(
        question=row.question,
        answer=row.gold[0],
        alternatives=row.gold[1:],
        gold_reasoning="",
        steps=(answer,),
        images=images.read,
        unread_image=images.problem,
        may_leave_machine=leaves,
    )
    judgement = await judge.label(request)
    cost = asdict(judgement.usage)
    if judgement.labels is None:
        return {"label": None, "status": f"failed:{judgement.failure}", "judge": cost}
    return {"label": judgement.labels[0], "status": "ok", "judge": cost}
