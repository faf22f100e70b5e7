"""A labelled rollout -> the chat that teaches its labels: the judge's own request, and the reply that gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.endpoint.prompt_turns import IMAGE
from recipe.mrpo.judge.chat.grades import Grades
from recipe.mrpo.judge.chat.judge import ChatJudge
from recipe.mrpo.judge.chat.reply import asked_of, parse_reply
from recipe.mrpo.judge.chat.rubric import build_messages
from recipe.mrpo.judge.protocol import JudgeRequest

StepGrades = Sequence[Mapping[str, int | None]]


class LeftOut(ValueError):
    """A rollout that cannot teach; the message is a short kind, and is counted."""


def reply_of(
    labels: Sequence[int], grades: StepGrades | None, reasons: Sequence[str | None] | None, asked: Grades
) -> str:
    """The reply that a judge would have to give, `{"steps": {"1": {"alignment": 1, …}, …}}`.

    `grades`: those of the teacher. Without them, as from a cache, an ensemble or a judge that gives none, every grade
    is the label, which every rubric reads as that label. Raises LeftOut if the rubric asks for reasons and one is
    missing.
    """
    entries = {}
    for number, label in enumerate(labels):
        entry: dict[str, Any] = {}
        if asked.reasons:
            reason = reasons[number] if reasons is not None else None
            if not reason:
                raise LeftOut("no_reason")
            entry["reason"] = reason
        entry |= {name: label if grades is None else grades[number][name] for name in asked.names}
        entries[str(number + 1)] = entry
    return json.dumps({"steps": entries}, ensure_ascii=False)


def chat_of(
    request: JudgeRequest,
    labels: Sequence[int],
    grades: StepGrades | None,
    reasons: Sequence[str | None] | None,
    *,
    judge: ChatJudge,
) -> tuple[list[dict[str, str]], list[bytes]]:
    """Messages for verl's SFT trainer (`<image>` where an image stands) and the images as the judge is sent them.

    Raises LeftOut for a rollout that the judge would refuse (too_many_steps, too_many_images, too_long, bad_image), and
    where the judge's own parser does not read the labels back from the reply (other_labels: the grades were counted
    otherwise, see mrpo.judge.openai.valid_grades).
    """
    if refused := judge.beyond_limits(request):
        raise LeftOut(refused.failure)
    images: list[bytes] = []
    if judge.settings.send_image:
        if request.unread_image is not None:
            raise LeftOut("bad_image")
        try:
            images = [prepare_image(data, judge.settings.image_max_pixels)[0] for data, _ in request.images]
        except BadImage as error:
            raise LeftOut("bad_image") from error
    places, limit = [IMAGE] * len(images), judge.settings.max_step_chars
    messages = build_messages(request, judge.rubric, images=places, max_step_chars=limit)
    system, user = (_text(message["content"]) for message in messages)
    if refused := judge.too_long(len(user) - len("".join(places))):
        raise LeftOut(refused.failure)
    if IMAGE in system or user.count(IMAGE) != len(images) or "<video>" in system + user:
        raise LeftOut("placeholder")  # verl would take it for an image
    reply = reply_of(labels, grades, reasons, judge.rubric.grades)
    read = parse_reply(reply, **asked_of(request, judge.rubric.grades))
    if read.labels != tuple(labels):
        raise LeftOut("other_labels" if read.failure is None else read.failure)
    turns = zip(("system", "user", "assistant"), (system, user, reply), strict=True)
    return [{"role": role, "content": text} for role, text in turns], images


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "text" else part["image_url"]["url"] for part in content)
