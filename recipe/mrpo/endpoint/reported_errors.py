"""Errors that a service reports in a body with status 200, in the shapes that services use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from recipe.mrpo.endpoint.refusals import cause_of

_MAX_SHOWN = 100_000
_CODES = ("code", "status", "status_code", "statusCode", "error_code", "type")
_TEXTS = ("message", "detail", "title", "error_msg", "status_msg", "msg", "error")

_PASSING = (
    ("ratelimit", 429), ("requestlimit", 429), ("toomanyrequests", 429), ("resourceexhausted", 429), ("quota", 429),
    ("throttl", 429), ("overload", 503), ("unavailable", 503), ("serverbusy", 503), ("systembusy", 503),
    ("timeout", 504), ("timedout", 504), ("deadline", 504), ("badgateway", 502),
)  # fmt: skip
_LASTING = (
    ("authentication", 401), ("unauthorized", 401), ("apikey", 401), ("permission", 403), ("forbidden", 403),
    ("notfound", 404), ("invalidrequest", 400), ("badrequest", 400), ("contextlength", 400),
    ("internal", 500), ("servererror", 500), ("serviceerror", 500), ("upstream", 502),
)  # fmt: skip
"""Words of error codes and types that services write in place of a status."""


def reported_error(data: Mapping[str, Any], choice: Mapping[str, Any]) -> tuple[str, str] | None:
    """(kind, detail) of an error in a body or in its first choice; None: there is none.

    The kind is http_<status>, one of `refusals`, or bad_response for an error without a status. A body that has choices
    reports an error only in a field `error`.
    """
    for error in (data.get("error"), choice.get("error")):
        if error:
            said = error if isinstance(error, dict) else {"message": error}
            status = _status((said, {"code": data.get("code")}), read_words=not _has_content(choice))
            if status is None and error is not choice.get("error") and _has_content(choice):
                continue  # a field that says "no error" in its own way, beside a reply
            kind = cause_of(status or 400, json.dumps(error)) or (f"http_{status}" if status else "bad_response")
            return kind, _detail(_message((said,)) or json.dumps(error)[:_MAX_SHOWN])
    if str(choice.get("finish_reason")).lower() == "error":
        return "http_502", "finish_reason=error: the model behind the endpoint failed"
    if data.get("choices"):
        return None
    errors = data.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else errors
    places = [place for place in (data, first, data.get("base_resp")) if isinstance(place, dict)]
    status = _status(places, read_words=True)
    if status is None:
        return None
    message = _message(places) or "no message"
    return cause_of(status, message) or f"http_{status}", _detail(message)


def _detail(message: str) -> str:
    return f"an error in a body with status 200: {message}"


def _has_content(choice: Mapping[str, Any]) -> bool:
    message = choice.get("message")
    return isinstance(message, dict) and bool(message.get("content"))


def _message(places: Iterable[Mapping[str, Any]]) -> str | None:
    texts = (place.get(name) for place in places for name in _TEXTS)
    return next((text for text in texts if isinstance(text, str) and text), None)


def _status(places: Iterable[Mapping[str, Any]], *, read_words: bool) -> int | None:
    """The HTTP status of an error, 400 to 599: as a number, by its name, or by the words of a temporary fault."""
    places = list(places)
    codes = [place.get(name) for place in places for name in _CODES]
    for value in codes:
        if isinstance(value, str) and re.fullmatch(r"[45][0-9]{2}", value.strip()):
            value = int(value)
        if type(value) is int and 400 <= value <= 599:
            return value
    named = next((status for code in codes if (status := _named(code, (*_PASSING, *_LASTING)))), None)
    return named or (_named(_message(places), _PASSING) if read_words else None)


def _named(text: Any, words: Iterable[tuple[str, int]]) -> int | None:
    if not isinstance(text, str):
        return None
    bare = re.sub(r"[^a-z]", "", text[:_MAX_SHOWN].lower())
    return next((status for word, status in words if word in bare), None)
