"""Limiters with no limit but those that a test names."""

from __future__ import annotations

import time

from recipe.mrpo.judge.protect.account import TokenAccount
from recipe.mrpo.judge.protect.budget import Budget
from recipe.mrpo.judge.protect.rate import EndpointLimiter, EndpointLimits

HOLD_S = 100


def limits_of(**changes):
    none = {"requests_per_minute": None, "tokens_per_minute": None, "concurrency": None}
    return EndpointLimits(**{**none, "tokens_per_call": 100, **changes})


def limiter_of(clock=time.monotonic, max_tokens=None, **changes):
    return EndpointLimiter(limits_of(**changes), TokenAccount(Budget(max_tokens)), clock=clock)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now
