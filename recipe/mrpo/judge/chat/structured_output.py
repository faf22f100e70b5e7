"""Should a call ask for structured output? With `response_format: auto` the endpoint's refusals decide."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

REFUSALS = 3
"""After so many calls in a row that worked only without `response_format`, it is no longer sent."""

_REFUSED = frozenset({"http_400", "http_403", "http_404", "http_405", "http_415", "http_422", "http_501"})
"""Failures by which an endpoint says that it does not know `response_format`, or this kind of it."""

_PERHAPS_REFUSED = frozenset({"http_500"})
"""Some servers fail so on a schema. Mostly it is a temporary fault, so retries come first."""


class StructuredOutput:
    """`setting`: the option response_format; `host`: for the log."""

    def __init__(self, setting: str, host: str) -> None:
        self.setting, self.host = setting, host
        self.wanted = setting != "none"
        self._refusals = 0

    def is_refusal(self, failure: str | None) -> bool:
        """After this failure of a call with structured output, should it be repeated at once without?"""
        return self.setting == "auto" and failure in _REFUSED

    def is_doubtful(self, failure: str | None) -> bool:
        """After this failure of a call with structured output, should the last retry leave it out?"""
        return self.setting == "auto" and failure in _PERHAPS_REFUSED

    def accepted(self) -> None:
        self._refusals = 0

    def refused(self, failure: str | None) -> None:
        """A call worked only without it. One may be a gateway's temporary error; several in a row end the attempts."""
        self._refusals += 1
        if self.wanted and self._refusals >= REFUSALS:
            self.wanted = False
            logger.warning(
                "judge endpoint %s has refused structured output %d times in a row (%s); it is no longer asked "
                "for, and each such call counts as a fallback. To skip the attempt, set "
                "mrpo.judge.openai.response_format=none.",
                self.host,
                self._refusals,
                failure,
            )
