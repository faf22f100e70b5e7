"""The body of a chat completions response, read as untrusted JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Far more than is shown to anyone: who shows a detail hides the key in it first, and a cut could leave half a key.
MAX_DETAIL = 100_000


@dataclass(frozen=True)
class Completion:
    """What one call gave: the reply's text or a failure, and the tokens it cost (0 where the endpoint does not say)."""

    content: str
    finish_reason: str
    failure: str | None
    detail: str
    prompt_tokens: int
    completion_tokens: int


def read_completion(body: str) -> Completion:
    """Read `choices[0]` and `usage`; never raises.

    Failures: bad_response (no chat completion at all), refused (the model or a filter declined).
    """
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return Completion("", "", "bad_response", f"no JSON: {body[:MAX_DETAIL]!r}", 0, 0)
    usage = _dict(_dict(data).get("usage"))
    tokens = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
    choices = _dict(data).get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(_dict(choices[0]).get("message"), dict):
        return Completion("", "", "bad_response", f"no choices[0].message: {body[:MAX_DETAIL]!r}", *tokens)
    message, finish = choices[0]["message"], choices[0].get("finish_reason")
    finish = finish if isinstance(finish, str) else ""
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return Completion("", finish, "refused", message["refusal"][:MAX_DETAIL], *tokens)
    if finish == "content_filter":
        return Completion("", finish, "refused", "finish_reason=content_filter", *tokens)
    content = message.get("content")
    return Completion(content if isinstance(content, str) else "", finish, None, "", *tokens)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**40 else 0
