"""When to call again, and how long to wait first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def is_transient(failure: str) -> bool:
    """May the same call succeed later? Yes for timeouts, lost connections, 408, 409, 425, 429 and 5xx.

    A certificate that is not accepted (`tls`) stays so.
    """
    passing = ("timeout", "connection", "http_408", "http_409", "http_425", "http_429")
    return failure in passing or failure.startswith("http_5")


def backoff_s(attempt: int, *, jitter: float, base_s: float, max_s: float) -> float:
    """Seconds before retry `attempt` (0-based): jitter in [0, 1) spreads the workers over the upper half of

    min(max_s, base_s * 2**attempt), so that they do not all come back at once.
    """
    ceiling = min(max_s, base_s * 2.0 ** min(attempt, 32))
    return ceiling * (0.5 + 0.5 * jitter)


@dataclass(frozen=True)
class RetryPolicy:
    """How often a failed call is repeated, and how long that may take."""

    max_retries: int
    base_s: float
    max_s: float
    retry_after_max_s: float

    def wait_s(self, attempt: int, failure: str | None, asked_s: float | None, *, jitter: float) -> float | None:
        """Seconds to wait before retry `attempt` (0-based); None if the call is not repeated.

        `asked_s`, from the header Retry-After, is never undercut; jitter in [0, 1) adds up to half of it, because all
        callers were told the same time. A longer one than `retry_after_max_s` is not waited for.
        """
        if failure is None or not is_transient(failure) or attempt >= self.max_retries:
            return None
        wait = backoff_s(attempt, jitter=jitter, base_s=self.base_s, max_s=self.max_s)
        if asked_s is None:
            return wait
        return None if asked_s > self.retry_after_max_s else max(wait, asked_s * (1 + 0.5 * jitter))


def retry_after_s(header: str | None, *, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or an HTTP date); None without one that can be read."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        # OverflowError: a year or an offset that no datetime holds.
        except (ValueError, OverflowError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
