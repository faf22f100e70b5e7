"""Is a call to ask for structured output? The endpoint's refusals decide, where the option leaves it to them."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

REFUSALS = 3
"""Calls in a row that an endpoint takes only without `response_format` before it is asked without at once."""

_REFUSED = frozenset({"http_400", "http_403", "http_404", "http_405", "http_415", "http_422", "http_501"})
"""How an endpoint says that it does not know `response_format`, or this kind of it."""

_PERHAPS_REFUSED = frozenset({"http_500"})
"""How some servers say it that fail on a schema; mostly it is a passing fault, so retries come first."""


class StructuredOutput:
    """`setting`: the option response_format; `host`: for the log."""

    def __init__(self, setting: str, host: str) -> None:
        self.setting, self.host = setting, host
        self.wanted = setting != "none"
        self._refusals = 0

    def is_refusal(self, failure: str | None) -> bool:
        """Is a call that asked for it and failed so to be repeated at once without?"""
        return self.setting == "auto" and failure in _REFUSED

    def is_doubtful(self, failure: str | None) -> bool:
        """Is the last retry of a call that asked for it and failed so to leave it out?"""
        return self.setting == "auto" and failure in _PERHAPS_REFUSED

    def accepted(self) -> None:
        self._refusals = 0

    def refused(self, failure: str | None) -> None:
        """A call went well only without it. One may be a gateway's passing error: several in a row end the tries."""
        self._refusals += 1
        if self.wanted and self._refusals >= REFUSALS:
            self.wanted = False
            logger.warning(
                "judge endpoint %s has refused structured output %d times in a row (%s); going on without it, each "
                "such call counts as a fallback. mrpo.judge.openai.response_format=none skips the try.",
                self.host,
                self._refusals,
                failure,
            )
