"""What math-verify cannot decide is not accepted and said once; a math-verify that is broken is an error."""

from __future__ import annotations

import pytest

from reward_fns.answer import math_gate as math_check


@pytest.fixture(autouse=True)
def fresh():
    for cached in (math_check.math_verify_accepts, math_check._tell_once):
        cached.cache_clear()
    yield
    math_check.math_verify_accepts.cache_clear()


def test_a_broken_math_verify_is_no_wrong_answer(monkeypatch):
    def broken():
        raise AttributeError("module 'math_verify' has no attribute 'parse'")

    monkeypatch.setattr(math_check, "load", broken)
    with pytest.raises(AttributeError, match="math_verify"):
        math_check.math_verify_accepts("1/2", "0.5")


def test_a_comparison_that_fails_is_not_accepted_and_told_once(monkeypatch, caplog):
    def verify(*_, **__):
        raise TypeError("cannot compare")

    monkeypatch.setattr(math_check, "load", lambda: ((lambda text, **_: [text]), verify))
    assert not math_check.math_verify_accepts("1/2", "0.5") and not math_check.math_verify_accepts("1/4", "0.25")
    assert caplog.text.count("ended in TypeError") == 1
