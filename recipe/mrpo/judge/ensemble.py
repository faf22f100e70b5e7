"""Several judges vote on every step."""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from recipe.mrpo.judge.checked import CheckedJudge
from recipe.mrpo.judge.member_options import member_options
from recipe.mrpo.judge.protect.budget import OVER_BUDGET, Budget
from recipe.mrpo.judge.protect.job_limits import JobLimits
from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.judge.registry import get_judge, register_judge


def majority(votes: Sequence[Sequence[int]], *, num_judges: int) -> tuple[tuple[int, ...] | None, float]:
    """Labels by the majority of all judges, those that failed included, and the mean agreement.

        v_k = 1 if yes_k > n / 2, 0 if no_k > n / 2, otherwise unknown

    `votes`: labels of each judge that answered. None if any step stays unknown, because too many judges failed.
    Agreement is the mean over steps of the share of given votes that went with the majority.
    """
    if not votes:
        return None, 0.0
    labels: list[int] = []
    agreement = 0.0
    for step in zip(*votes, strict=True):
        yes = sum(step)
        most = max(yes, len(step) - yes)
        if 2 * most <= num_judges:
            return None, 0.0
        labels.append(int(yes == most))
        agreement += most / len(step)
    return tuple(labels), agreement / len(labels) if labels else 1.0


class EnsembleJudge:
    """Asks all members at once; costs are summed, the latency is that of the slowest."""

    name = "ensemble"

    def __init__(self, judges: Mapping[str, CheckedJudge]) -> None:
        self.judges = dict(judges)

    async def label(self, request: JudgeRequest) -> Judgement:
        """Failure no_majority, with each failed member's own kind in the detail; that of a spent budget is kept."""
        start = time.perf_counter()
        given = await asyncio.gather(*(judge.label(request) for judge in self.judges.values()))
        labels, agreement = majority([j.labels for j in given if j.labels is not None], num_judges=len(given))
        whole, _ = majority([(j.overall,) for j in given if j.overall is not None], num_judges=len(given))
        right, _ = majority([(j.answer,) for j in given if j.answer is not None], num_judges=len(given))
        lost = next((j.failure for j in given if j.failure in OVER_BUDGET), "no_majority")
        failed = [f"{name}: {j.failure}" for name, j in zip(self.judges, given, strict=True) if j.failure is not None]
        return Judgement(
            labels=labels,
            failure=lost if labels is None else None,
            detail="; ".join(failed)[:300],
            # The members work at the same time, so their latencies do not add up.
            usage=replace(reduce(operator.add, (j.usage for j in given)), latency_s=time.perf_counter() - start),
            agreement=agreement if labels is not None else None,
            overall=whole[0] if whole is not None and labels is not None else None,
            answer=right[0] if right is not None and labels is not None else None,
        )

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError if one of the members may not see such a case."""
        for judge in self.judges.values():
            judge.require(may_leave_machine=may_leave_machine)

    async def close(self) -> None:
        await asyncio.gather(*(judge.close() for judge in self.judges.values()))


@register_judge("ensemble")
def ensemble_judge(options: Mapping[str, Any]) -> EnsembleJudge:
    """The judges of `mrpo.judge.members`, each behind its own cache and breaker; the budget is one for all."""
    job = JobLimits(Budget.of(options))
    # A member finds only its own labels in a shared cache: several samples of one model stay several.
    return EnsembleJudge(
        {name: get_judge({**own, "member": str(name), "job": job}) for name, own in member_options(options).items()}
    )
