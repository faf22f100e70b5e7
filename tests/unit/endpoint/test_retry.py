"""When a call is repeated, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recipe.mrpo.endpoint.retry import RetryPolicy, backoff_s, retry_after_s


@pytest.mark.parametrize(
    ("header", "seconds", "why"),
    [
        ("3", 3.0, "seconds"),
        ("0.5", 0.5, "a fraction"),
        ("-1", 0.0, "the past"),
        (None, None, "no header"),
        ("nan", None, "no number"),
        ("soon", None, "no date"),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0, "a date"),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0, "a past date"),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None, "a year that no date has"),
        ("Mon, 01 Jan 2015 00:00:00 +99999999999999999999", None, "an offset that no clock has"),
        ("9" * 5_000, float("inf"), "a number beyond all floats"),
    ],
)
def test_a_retry_after_header_is_a_number_or_a_date(header, seconds, why):
    assert retry_after_s(header, now=datetime(2015, 10, 21, 7, 28, tzinfo=UTC)) == seconds, why


def test_the_wait_doubles_up_to_its_limit_and_is_jittered():
    waits = [backoff_s(k, jitter=1.0, base_s=0.5, max_s=3.0) for k in range(5)]
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff_s(10_000, jitter=0.0, base_s=0.5, max_s=3.0) == 1.5


POLICY = RetryPolicy(max_retries=2, base_s=0.5, max_s=30, retry_after_max_s=60)


@pytest.mark.parametrize(
    ("attempt", "failure", "asked", "jitter", "wait", "why"),
    [
        (0, "http_429", 2.0, 0.0, 2.0, "what is asked for is never undercut"),
        (0, "http_429", 2.0, 0.5, 2.5, "callers that were told the same time come back spread"),
        (0, "http_429", 0.0, 0.0, 0.25, "no time at all: the own wait"),
        (0, "http_503", None, 0.0, 0.25, "nothing is asked for"),
        (0, "http_429", 61.0, 0.0, None, "too long"),
        (2, "http_429", 2.0, 0.0, None, "no retries left"),
        (0, "http_400", 2.0, 0.0, None, "what stays wrong"),
        (0, "tls", None, 0.0, None, "a certificate stays what it is"),
        (0, None, None, 0.0, None, "nothing failed"),
    ],
)
def test_a_call_is_repeated_after_a_wait_or_not_at_all(attempt, failure, asked, jitter, wait, why):
    assert POLICY.wait_s(attempt, failure, asked, jitter=jitter) == wait, why
