"""When to call again, and how long to wait first."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


def is_transient(failure: str) -> bool:
    """May the same call succeed later? Yes for timeouts, lost connections, 408, 409, 429 and 5xx."""
    return failure in ("timeout", "connection", "http_408", "http_409", "http_429") or failure.startswith("http_5")


def backoff_s(attempt: int, *, jitter: float, base_s: float, max_s: float) -> float:
    """Seconds before retry `attempt` (0-based): jitter in [0, 1) spreads the workers over the upper half of

    min(max_s, base_s * 2**attempt), so that they do not all come back at once.
    """
    ceiling = min(max_s, base_s * 2.0 ** min(attempt, 32))
    return ceiling * (0.5 + 0.5 * jitter)


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
        seconds = (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
