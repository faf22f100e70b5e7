"""What labels by continuations cost, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Calls and tokens; `cost * m` is that of m rollouts."""

    calls: int
    prompt_tokens: int
    completion_tokens: int

    def __mul__(self, rollouts: int) -> Cost:
        return Cost(self.calls * rollouts, self.prompt_tokens * rollouts, self.completion_tokens * rollouts)

    def words(self, prices: Mapping[str, Any]) -> str:
        """The cost in words, with its price if `mrpo.judge.price_per_million` is set."""
        said = f"{self.calls:,} calls, {self.prompt_tokens:,} prompt and {self.completion_tokens:,} completion tokens"
        if prices["prompt"] is None:
            return said
        money = (self.prompt_tokens * prices["prompt"] + self.completion_tokens * prices["completion"]) / 1e6
        return f"{said}, price {money:,.2f}"


def calls_of(num_steps: int, *, n: int) -> int:
    """Calls for one rollout without failures: n (K + 1); a rollout without steps is not asked about."""
    return n * (num_steps + 1) if num_steps else 0


def cost_of(num_steps: int, *, n: int, prompt_tokens: int, response_tokens: int, max_tokens: int) -> Cost:
    """Cost of one rollout of K steps if its parts are equally long and a continuation is as long as what it replaces.

        calls       n (K + 1)
        prompt      n sum_k (P + R k / (K + 1))                      k = 0 … K
        completion  n sum_k min(max_tokens, R (1 - k / (K + 1)))

    P, R: `prompt_tokens` and `response_tokens` of the policy. A server with prefix caching computes a prefix once for
    its n continuations; it reports, and a hosted one may charge, all of them.
    """
    if not num_steps:
        return Cost(0, 0, 0)
    parts = num_steps + 1
    read = sum(prompt_tokens + response_tokens * k / parts for k in range(parts))
    written = sum(min(max_tokens, response_tokens * (1 - k / parts)) for k in range(parts))
    return Cost(calls_of(num_steps, n=n), round(n * read), round(n * written))
