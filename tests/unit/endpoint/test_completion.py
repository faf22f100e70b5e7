"""Bodies of responses, read as untrusted data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.endpoint.completion import error_detail, read_completion


def body(reason="stop", **message):
    return json.dumps({"choices": [{"message": message, "finish_reason": reason}], "usage": {"prompt_tokens": 5}})


def choice(**fields):
    return json.dumps({"choices": [fields]})


TEXT = {"type": "text", "text": "hi"}


@pytest.mark.parametrize(
    ("text", "failure", "content", "why"),
    [
        (body(content="hi"), None, "hi", "as the protocol has it"),
        ("\ufeff" + body(content="hi"), None, "hi", "a byte order mark"),
        (body(content=None), None, "", "null content"),
        (body(content=5), None, "", "content that is a number"),
        (body(content=[TEXT]), None, "hi", "a list of parts"),
        (body(content=[{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]), None, "hi", "parts are joined"),
        (body(content=[{"type": "thinking", "thinking": [TEXT]}, TEXT]), None, "hi", "thoughts are not content"),
        (body(content=["h", "i"]), None, "hi", "parts that are texts"),
        (body(content=TEXT), None, "hi", "a part without a list"),
        (body(content=[{"type": "image_url"}, None, 7, {"type": "text"}]), None, "", "parts without text"),
        (body(content=None, reasoning_content='{"a": 1}'), None, '{"a": 1}', "an object that a reasoning parser took"),
        (body(content="", reasoning='{"a": 1}'), None, '{"a": 1}', "under its other name"),
        (body(content=None, reasoning_content="I think {}"), None, "", "thoughts are no reply"),
        (body(content="x", reasoning_content='{"a": 1}'), None, "x", "where there is content, it counts"),
        (body(content=None, refusal="No."), "refused", "", "a refusal"),
        (body("content_filter", content="x"), "refused", "", "a filter"),
        (body("SAFETY", content="x"), "refused", "", "by another name"),
        ("<html>", "bad_response", "", "not JSON"),
        ("", "bad_response", "", "nothing"),
        ("[]", "bad_response", "", "not an object"),
        ('{"choices": []}', "bad_response", "", "no choice"),
        ('{"choices": [null]}', "bad_response", "", "a choice that is null"),
        ('{"choices": [{"message": null}]}', "bad_response", "", "a message that is null"),
        ('{"detail": "Not authenticated"}', "bad_response", "", "an error without a status"),
        ("[" * 100_000, "bad_response", "", "deep nesting"),
        ('{"error": {"code": 429, "message": "slow down"}}', "http_429", "", "an error in a body with status 200"),
        ('{"error": {"code": "503"}}', "http_503", "", "its code as text"),
        ('{"error": {"type": "rate_limit_exceeded"}}', "http_429", "", "its code by name"),
        ('{"error": {"status": "RESOURCE_EXHAUSTED"}}', "http_429", "", "in capitals"),
        ('[{"error": {"code": 500}}]', "http_500", "", "in a list"),
        ('{"object": "error", "message": "too long", "code": 400}', "http_400", "", "without a node of its own"),
        ('{"error": "something"}', "bad_response", "", "an error as text"),
        ('{"error": "Rate limit reached"}', "http_429", "", "a passing one as text"),
        ('{"error": {"code": "1302", "message": "Too many requests"}}', "http_429", "", "under a code of its own"),
        ('{"errors": [{"code": 429, "message": "x"}]}', "http_429", "", "in a list of errors"),
        ('{"detail": "Too many requests"}', "http_429", "", "as a detail alone"),
        (
            '{"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": null}',
            "http_429",
            "",
            "beside choices that are null",
        ),
        ('{"error_code": 18, "error_msg": "Open api qps request limit reached"}', "http_429", "", "under other names"),
        ('{"code": "Throttling.RateQuota", "message": "x", "choices": []}', "http_429", "", "beside empty choices"),
        ('{"errors": "server busy"}', "bad_response", "", "errors that are no list of objects"),
        (json.dumps({**json.loads(body(content="hi")), "error": "no timeout"}), None, "hi", "words beside a reply"),
        ('{"error": {"code": 99999999999999999999}}', "bad_response", "", "a code that is no status"),
        (choice(message={"content": "x"}, error={"code": 502}), "http_502", "", "an error in the choice"),
        (choice(message={"content": "x"}, finish_reason="error"), "http_502", "", "finish_reason error"),
        (json.dumps({**json.loads(body(content="hi")), "error": None}), None, "hi", "an error that is null"),
        (json.dumps({**json.loads(body(content="hi")), "error": {"code": 0}}), None, "hi", "an error without one"),
        (json.dumps({**json.loads(body(content="hi")), "error": {"code": 500}}), "http_500", "", "one with a status"),
    ],
)
def test_a_body_is_a_text_or_the_kind_of_its_failure(text, failure, content, why):
    for form in (text, text.encode()):
        read = read_completion(form)
        assert (read.failure, read.content) == (failure, content), why
        assert failure is None or read.detail


@pytest.mark.parametrize(
    ("reason", "cut_off"),
    [
        *[(reason, False) for reason in ("stop", "STOP", "eos_token", "end_turn", "", None, "tool_calls", 7)],
        *[(reason, True) for reason in ("length", "max_tokens", "MAX_TOKENS", "FinishReason.MAX_TOKENS", "abort",
                                        "model_length", "incomplete", "cancelled", "a reason nobody knows")],
    ],
)  # fmt: skip
def test_a_reply_that_did_not_end_by_itself_is_cut_off(reason, cut_off):
    assert read_completion(body(reason, content="x")).cut_off is cut_off


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "error", "code", "finish_reason", "usage", "type", "text"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_read_without_an_exception(value):
    read = read_completion(json.dumps(value))
    assert isinstance(read.content, str) and (read.failure is None or isinstance(read.failure, str))
    assert isinstance(error_detail(json.dumps(value).encode()), str)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_an_exception(data):
    assert read_completion(data).detail is not None and isinstance(error_detail(data), str)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'{"error": {"message": "bad key"}}', "bad key"),
        (b'{"error": "bad key"}', "bad key"),
        (b'{"detail": "bad key"}', "bad key"),
        (b"<html>bad key</html>", "<html>bad key</html>"),
        (b"", "no body"),
    ],
)
def test_the_message_of_an_error_is_shown(said, shown):
    assert error_detail(said) == shown
