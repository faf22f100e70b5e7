"""Errors met while a rollout is scored: told once a kind, counted in its record, and when they stop the run.

verl 0.9.1 takes a rollout whose reward raises out of training, with a line in a log: its group is then that of the
survivors. So nothing raises out of a reward worker; a record carries the error to the trainer, which can stop.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Sequence

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.rollout.record import RolloutRecord

logger = logging.getLogger(__name__)

CAUGHT = (Exception, SystemExit)
"""Exceptions that user code may raise; without this an `exit()` in it would end the reward worker."""


def ends_the_run(error: BaseException) -> bool:
    """Is it a private row and a judge elsewhere, or an option that cannot be? No rollout of the run would fare better.

    A file that cannot be opened is a PermissionError, too, but of the operating system, which gives it a number.
    """
    return isinstance(error, OptionError) or (isinstance(error, PermissionError) and error.errno is None)


class ScoringStopped(RuntimeError):
    """The run must not go on with such rewards; the message names the option or the row to change."""


class Told:
    """Logs an error with its place, the first time that its kind is met there."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, where: str, error: BaseException) -> str:
        """The kind of the error. Its message may quote a model, so it is logged as ASCII."""
        kind = type(error).__name__
        if (where, kind) not in self._seen:
            self._seen.add((where, kind))
            raised_at = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            frames = getattr(error, "place", "") or raised_at  # a call that did not come back says where it was
            logger.error(
                "%s: %s: %s. Such rollouts stay in training, with the value unknown, and are counted; this is told "
                "once.\n%s", where, kind, ascii(str(error))[1:-1][:500], frames,
            )  # fmt: skip
        return kind


def fatal_report(records: Sequence[RolloutRecord]) -> str | None:
    """Why the run must end: the first sentence that a record carries, or None."""
    return next((record.fatal for record in records if record.fatal is not None), None)


def error_counts(records: Sequence[RolloutRecord]) -> Counter[tuple[str, str]]:
    """Errors by (reward, kind)."""
    return Counter(item for record in records for item in record.errors.items())


def error_report(records: Sequence[RolloutRecord], *, max_error_rate: float) -> str | None:
    """Why to stop; None if the share of rollouts with a reward that raised is at most max_error_rate."""
    failed = sum(bool(record.errors) for record in records)
    if not records or failed / len(records) <= max_error_rate:
        return None
    kinds = ", ".join(f"{name}: {kind} x{count}" for (name, kind), count in error_counts(records).most_common())
    return (
        f"a reward could not be computed for {failed} of {len(records)} rollouts ({failed / len(records):.0%}): {kinds}"
        ". The reward workers' log has the error. Correct the reward or the row, or raise "
        f"mrpo.guards.max_reward_error_rate ({max_error_rate:g})."
    )
