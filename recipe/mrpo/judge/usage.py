"""The cost of a judgement: one record for the judges, the dumps and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Usage:
    """What one judgement cost; `a + b` is the cost of both.

    A new counter is one field here: it is summed, written into the dumps and logged as `mrpo/judge/<name>_total`.
    """

    calls: int = 0
    """Requests sent."""
    retries: int = 0
    """Requests sent again after a failed one."""
    fallbacks: int = 0
    """Requests sent without a setting that the endpoint refuses."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens of all requests, repeated ones included."""
    estimated_calls: int = 0
    """Requests with estimated tokens, because the endpoint did not report them."""
    cache_faults: int = 0
    """Damaged entries of the cache and failed accesses to it."""
    continuations: int = 0
    """Continuations that a judgement by continuations needed."""
    unknown_continuations: int = 0
    """Those of them that failed, were cut off before their answer, or were given up with the judgement."""
    cached: bool = False
    """The labels came from the cache. In a sum: the labels of all its parts did."""
    latency_s: float = 0.0
    """Seconds from the first request to the labels."""

    def __add__(self, other: Usage) -> Usage:
        counts = {name: getattr(self, name) + getattr(other, name) for name in COUNTERS}
        cached = self.cached and other.cached
        return Usage(**counts, cached=cached, latency_s=self.latency_s + other.latency_s)

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Usage:
        """The usage that `asdict` wrote into a dump; other keys are ignored, missing ones are the defaults."""
        return cls(**{field.name: written[field.name] for field in fields(cls) if field.name in written})


COUNTERS = tuple(field.name for field in fields(Usage) if field.type == "int")
"""Names of the fields that count something."""
