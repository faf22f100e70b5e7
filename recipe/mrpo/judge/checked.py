"""Makes any judge safe to ask: a rollout always gets one label per step or a failure that is counted."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace

from recipe.mrpo.common.time_limit import OwnLoop, TookTooLong
from recipe.mrpo.judge.protocol import Judge, Judgement, JudgeRequest

logger = logging.getLogger(__name__)

EXCEPTION, LABEL_COUNT = "exception", "label_count"
"""Failures of a judge that raised or returned something else, and of one that gave too few or too many labels."""
DETAIL_CHARS = 300
CLOSE_S = 10.0
"""Seconds that closing a user's judge may take."""


class CheckedJudge:
    """A judge as `get_judge` gives it. `judge`: behind breaker and cache; `made`: itself; `own`: it is the user's."""

    def __init__(self, judge: Judge, *, made: Judge, name: str, own: bool, own_timeout_s: float = 0) -> None:
        """`own_timeout_s`: seconds for a judgement of a user's own judge; 0: no limit."""
        self.judge, self.made, self.name, self.own = judge, made, name, own
        self._told: set[str] = set()
        # A user's judge has a loop of its own: if it blocks, the rewards of all rollouts would wait with it.
        self._loop = OwnLoop("mrpo-own-judge") if own and not self._words_are_ours else None
        self._timeout_s = own_timeout_s

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError if this judge may not see a row that must not leave the machine.

        A judge of this package knows where it sends a case. A user's own must say `stays_on_machine = True`.
        """
        if not self.own:
            if callable(require := getattr(self.made, "require", None)):
                require(may_leave_machine=may_leave_machine)
        elif not may_leave_machine and getattr(self.made, "stays_on_machine", None) is not True:
            raise PermissionError(
                f"the judge {self.name} may not see a case marked may_leave_machine=false, because it does not say "
                f"that it stays on this machine; write stays_on_machine = True into {type(self.made).__name__} if it "
                "sends nothing elsewhere, or set mrpo.judge.name to another judge."
            )

    @property
    def _words_are_ours(self) -> bool:
        """Is it a chat judge with the user's hooks? It writes no private text into a detail."""
        return hasattr(self.made, "from_judge_options")

    async def label(self, request: JudgeRequest) -> Judgement:
        """One label for each step, or a failure: the judge's own, `exception` or `label_count`.

        Raises PermissionError alone, before the judge is asked, for a case that it may not see.
        """
        if self.own:
            self.require(may_leave_machine=request.may_leave_machine)
        start = time.perf_counter()
        try:
            judgement = await self._label(request)
            if not isinstance(judgement, Judgement):
                raise TypeError(f"label() returned {type(judgement).__name__}, not a Judgement")
        except TookTooLong as error:
            if error.place:
                logger.error("the judge %s did not come back in time; it was at\n%s", self.name, error.place)
            judgement = Judgement(failure="timeout", detail=f"{error}, mrpo.judge.own_timeout_s")
        except (Exception, SystemExit) as error:  # an exit() in a user's judge would end the reward worker
            if isinstance(error, PermissionError) and error.errno is None:  # not a file that cannot be opened
                raise
            judgement = Judgement(failure=EXCEPTION, detail=self._tell(error, private=not request.may_leave_machine))
        if self.own and judgement.detail and not request.may_leave_machine and not self._words_are_ours:
            # A user's judge may quote the case in it, and details stand in logs.
            shown = f"{len(judgement.detail)} characters that are not shown, because the row is private"
            judgement = replace(judgement, detail=shown)
        given = judgement.labels
        if given is not None and len(given) != len(request.steps):
            detail = f"{len(given)} labels for {len(request.steps)} steps"
            judgement = Judgement(failure=LABEL_COUNT, detail=detail, usage=judgement.usage)
        if not judgement.usage.latency_s:
            judgement = replace(judgement, usage=replace(judgement.usage, latency_s=time.perf_counter() - start))
        return judgement

    async def _label(self, request: JudgeRequest) -> Judgement:
        if self._loop is None:
            return await self.judge.label(request)
        return await self._loop.run(lambda: self.judge.label(request), limit_s=self._timeout_s)

    async def close(self) -> None:
        """Close the judge; a second call, or a judge that cannot be closed, does no harm."""
        try:
            if self._loop is None:
                await self.judge.close()
            else:
                await self._loop.run(self.judge.close, limit_s=CLOSE_S)
                self._loop.stop()
        except Exception as error:
            logger.warning("the judge %s could not be closed: %s", self.name, self._tell(error))

    def _tell(self, error: BaseException, *, private: bool = False) -> str:
        """The error in one line; the log also gets its place, the first time that this kind occurs."""
        # What it says may quote a rollout: it is shown as ASCII, and not at all if the row is private.
        said = f"{len(str(error))} characters, not shown" if private else f"{str(error)!a}"
        detail = f"{type(error).__name__}: {said}"[:DETAIL_CHARS]
        if type(error).__name__ not in self._told:
            self._told.add(type(error).__name__)
            place = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            logger.error("the judge %s raised %s; later ones are only counted\n%s", self.name, detail, place)
        return detail
