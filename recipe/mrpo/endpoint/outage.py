"""Is it the service that does not work, or one request that it would not answer?"""

from __future__ import annotations

_OUTAGES_4XX = frozenset({"401", "402", "407", "408", "409", "425", "429"})
"""Key, payment, proxy and limits: faults of the caller's account, for any request."""

GIVE_UP_AFTER = 20
"""Outages in a row after which a command with a list of requests asks no more: each has had its retries."""


def is_outage(failure: str | None) -> bool:
    """Does this failure say that the endpoint does not work, rather than that it would not answer this one request?

    A rollout decides the length and the text of its request. A refusal of one request (400, 404, 413, 422, most other
    4xx) is therefore not an outage: otherwise a rollout that cannot be judged would shut off the judge for all others.
    """
    if failure is None or not failure.startswith("http_"):
        return failure in ("timeout", "connection", "tls")
    status = failure.removeprefix("http_")
    return not status.startswith("4") or status in _OUTAGES_4XX
