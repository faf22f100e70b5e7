"""The body of a chat completion, read as untrusted JSON: the reply's text, or the kind of its failure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from recipe.mrpo.endpoint.reported_errors import reported_error
from recipe.mrpo.endpoint.tokens import NO_TOKENS, Tokens

# Far more than is shown to anyone: who shows a detail redacts the key in it first, and a cut could leave half a key.
MAX_DETAIL = 100_000

_WHOLE = frozenset(
    "stop eos eostoken endturn endofturn endoftext stopsequence complete completed finish finished done success "
    "toolcalls functioncall tooluse null none unspecified".split()
)
"""Finish reasons of a complete reply, without marks and capitals. With any other one the reply may be cut off."""

_DECLINED = frozenset(
    "contentfilter contentfiltered filtered safety recitation blocklist prohibitedcontent spii refusal refused "
    "sensitive guardrailintervened imagesafety language moderation".split()
)


@dataclass(frozen=True)
class Completion:
    """What one call gave: the reply's text or a failure, and the tokens it cost.

    `cut_off`: the reply is not complete. `thoughts`: characters of `reasoning`, which came beside the content.
    `usage`: the endpoint's token report, unread; `tokens`: those counted for the call; `estimated`: a guess.
    `wait_s`: seconds that the endpoint asks to wait before the next try.
    """

    content: str = ""
    failure: str | None = None
    detail: str = ""
    cut_off: bool = False
    finish_reason: str = ""
    thoughts: int = 0
    reasoning: str = ""
    usage: object = None
    tokens: Tokens = NO_TOKENS
    estimated: bool = False
    wait_s: float | None = None

    @property
    def cut_off_by_length(self) -> bool:
        bare = _bare(self.finish_reason)
        return self.cut_off and ("length" in bare or "token" in bare or bare == "incomplete")


def read_completion(body: bytes | str) -> Completion:
    """Read `choices[0]` and `usage`; never raises.

    Failures: bad_response (not a chat completion at all), refused (the model or a filter declined), and http_<status>
    or a kind of `refusals` where a body reports such an error although the response itself has status 200.
    """
    text = body.decode("utf-8-sig", errors="replace") if isinstance(body, bytes) else body.removeprefix("\ufeff")
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Completion(failure="bad_response", detail=f"not JSON: {text[:MAX_DETAIL]!r}")
    if isinstance(data, list) and len(data) == 1:
        data = data[0]  # as some gateways send an error
    usage = _dict(data).get("usage")
    choices = _dict(data).get("choices")
    choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
    failed = reported_error(_dict(data), choice)
    if failed is not None:
        return Completion(failure=failed[0], detail=failed[1], usage=usage)
    if not isinstance(choice.get("message"), dict):
        return Completion(failure="bad_response", detail=f"no choices[0].message: {text[:MAX_DETAIL]!r}", usage=usage)
    return _read_message(choice["message"], choice.get("finish_reason"), usage)


def error_detail(body: bytes) -> str:
    """The message in the body of an error response, or its text if it has none."""
    text = body.decode("utf-8-sig", errors="replace")
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text[:MAX_DETAIL].strip() or "no body"
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    error = _dict(data).get("error")
    for source in (_dict(error), _dict(data)):
        for name in ("message", "detail", "error"):
            if isinstance(source.get(name), str) and source[name]:
                return source[name][:MAX_DETAIL]
    return (error if isinstance(error, str) and error else text)[:MAX_DETAIL]


def _read_message(message: dict[str, Any], reason: Any, usage: object) -> Completion:
    finish = reason if isinstance(reason, str) else ""
    bare = _bare(finish)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return Completion(failure="refused", detail=refusal[:MAX_DETAIL], finish_reason=finish, usage=usage)
    if bare in _DECLINED:
        return Completion(failure="refused", detail=f"finish_reason={finish}", finish_reason=finish, usage=usage)
    content = _text(message.get("content"))
    thoughts = next((t for n in ("reasoning_content", "reasoning", "thinking") if (t := _text(message.get(n)))), "")
    if not content.strip() and _is_one_object(thoughts):
        # A server whose reasoning parser takes the whole reply of a model that did not think for its thoughts.
        content = thoughts
    return Completion(
        content,
        cut_off=bool(bare) and bare not in _WHOLE,
        finish_reason=finish,
        thoughts=len(thoughts),
        reasoning="" if content is thoughts else thoughts,
        usage=usage,
    )


def _bare(finish_reason: str) -> str:
    """MAX_TOKENS, max-tokens and FinishReason.MAX_TOKENS become the same word."""
    return re.sub(r"[^a-z]", "", finish_reason.lower()).removeprefix("finishreason")


def _text(content: Any) -> str:
    """A text, or the text parts of a list of parts, joined; parts of reasoning are left out."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(_part_text(part) for part in parts)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type", "text") not in ("text", "output_text"):
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _is_one_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text.strip()), dict)
    except (ValueError, RecursionError):
        return False


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
