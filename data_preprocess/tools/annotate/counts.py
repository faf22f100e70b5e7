"""The calls that an annotation run has made, and those that it may still make."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from recipe.mrpo.endpoint.outage import GIVE_UP_AFTER, is_outage


@dataclass
class Run:
    """What a run has done and may still do."""

    max_calls: int | None
    max_tokens: int | None
    calls: int = 0
    """Requests sent, repeated ones included."""
    tokens: int = 0
    estimated: int = 0
    """Requests with estimated tokens, because the endpoint did not report them."""
    written: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    left: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    """Rows that were not asked about, by the reason."""
    stopped_by: int | None = None
    """The signal after which no further row is asked about."""
    halted: bool = False
    """Has a row ended the run? The requests under way are still waited for."""
    outages: int = 0
    """Asks in a row that ended, after their retries, because the endpoint itself did not work."""
    outage: str = ""
    """Kind of the last of them."""

    def spent(self) -> bool:
        return (self.max_calls is not None and self.calls >= self.max_calls) or (
            self.max_tokens is not None and self.tokens >= self.max_tokens
        )

    def seen(self, failure: str | None) -> None:
        """Note how an ask ended after its retries: outages in a row end the run before they use up the budget."""
        self.outages = self.outages + 1 if is_outage(failure) else 0
        self.outage = failure or ""

    @property
    def gone(self) -> bool:
        """Has the endpoint not worked so often that no further row is asked about?"""
        return self.outages >= GIVE_UP_AFTER

    @property
    def stopping(self) -> bool:
        return self.halted or self.gone or self.stopped_by is not None

    def summary(self) -> str:
        guessed = f" (of {self.estimated} requests estimated)" if self.estimated else ""
        lines = [f"{self.written} rows annotated, {self.calls} requests, {self.tokens} tokens{guessed}"]
        lines += [f"  not asked about: {count} rows that {why}" for why, count in sorted(self.passed_over.items())]
        if self.failed:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failed.most_common())
            lines.append(f"failed checks: {kinds}")
            if not self.written and set(self.failed) == {"endpoint"}:
                lines.append("no request was answered as it should be: see the lines above; is --base-url right?")
        if self.gone:
            lines.append(
                f"stopped after {self.outages} asks in a row without a working endpoint ({self.outage}); "
                f"{self.left} rows are left: correct --base-url or start the endpoint, and run it again to go on"
            )
        elif self.left:
            lines.append(f"the budget is spent, {self.left} rows are left; run it again to go on")
        return "\n".join(lines)


class OutOfBudget(Exception):
    """The row was not asked about: --max-calls or --max-tokens is used up."""
