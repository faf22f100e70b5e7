"""The explanation of a failed judgement: it says what to change, and quotes nothing private or secret."""

from __future__ import annotations

from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint import refusals
from recipe.mrpo.endpoint.completion import Completion
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge.chat.reply import ReplyLabels
from recipe.mrpo.judge.protect.breaker import OWN_LIMITS

DETAIL_CHARS = 300
"""Longest explanation of a failed judgement."""

_OUR_WORDS = frozenset((*OWN_LIMITS, "timeout", "connection", "tls", "truncated", "empty"))
"""Failures with details that never quote the endpoint."""


REMEDIES = {
    refusals.CONTEXT_LENGTH: "the judge's context is too short for request and reply: serve it with a longer one "
    "(--max-model-len), or lower mrpo.judge.openai.max_prompt_chars, max_tokens or image_max_pixels",
    refusals.IMAGE_COUNT: "the endpoint takes fewer images in a request: serve it with more (--limit-mm-per-prompt), "
    "or set mrpo.judge.openai.send_image=false",
    refusals.NO_IMAGES: "the judge reads no images: serve a model that does, or set mrpo.judge.openai.send_image=false",
}
"""What to change after the refusal of a request, by its kind."""


def explained(outcome: ReplyLabels, completion: Completion, *, max_tokens: int | None) -> ReplyLabels:
    """The outcome with a detail that says what to change, if the reply itself does not."""
    if outcome.failure == "truncated":
        by = f"mrpo.judge.openai.max_tokens={max_tokens}" if max_tokens else "the endpoint's own limit of tokens"
        if completion.cut_off_by_length:
            detail = f"the reply was cut off: {by} was reached"
        else:
            detail = f"the reply was cut off (finish_reason={completion.finish_reason})"
        if completion.thoughts:
            detail += f" after {completion.thoughts} characters of reasoning"
        return outcome._replace(detail=detail)
    if outcome.failure == "empty" and completion.thoughts:
        return outcome._replace(
            detail=f"the reply is blank; {completion.thoughts} characters came as reasoning_content. Serve the model "
            "without a reasoning parser, or give its reasoning more tokens"
        )
    if outcome.failure == "empty" and completion.finish_reason:
        return outcome._replace(detail=f"{outcome.detail} (finish_reason={completion.finish_reason})")
    return outcome


def detail_of(outcome: ReplyLabels, *, key: Secret, private: bool) -> str:
    """The text for a log: one printable line without the key, and without a quotation if the row is private."""
    remedy = REMEDIES.get(outcome.failure or "")
    if private and outcome.failure not in _OUR_WORDS:
        said = f"{len(outcome.detail)} characters that are not shown, because the row is private" * bool(outcome.detail)
    else:
        # Redact, then escape, then cut: a truncated key may no longer match.
        said = printable(key.hide(outcome.detail), DETAIL_CHARS)
    return printable(f"{remedy}; {said}", DETAIL_CHARS) if remedy else said
