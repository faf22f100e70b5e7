"""Reasons to stop a run after a batch: an error of every rollout, failing rewards, a failing or expensive judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from omegaconf import DictConfig

from recipe.mrpo.judge.when_to_stop import budget_report, failure_report
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.scoring.faults import ScoringStopped, error_report, fatal_report


class JudgeUnavailable(RuntimeError):
    """Too many judgements failed, or the judge's budget is spent; the message names the option."""


def stop_if_scoring_failed(records: Sequence[RolloutRecord], options: DictConfig) -> None:
    """Raise ScoringStopped for a record that says the run must end, or for too many rewards that raised an error."""
    report = fatal_report(records) or error_report(records, max_error_rate=options.guards.max_reward_error_rate)
    if report:
        raise ScoringStopped(report)


def stop_if_judge_failed(
    records: Sequence[RolloutRecord], options: DictConfig, *, tokens: int, cost: float | None
) -> None:
    """Raise JudgeUnavailable if the judge failed too often in this batch, or has spent its budget.

    `tokens`, `cost`: what judging has used since this process began.
    """
    judge = options.judge
    # Where the judge decides on answers it is asked about rollouts without labelled steps, too.
    asked = [r for r in records if r.judge or (r.steps and not r.judge_status.startswith("skipped"))]
    failures = Counter(r.judge_status.partition(":")[2] for r in asked if r.judge_failed)
    report = budget_report(tokens, cost, failures, max_tokens=judge.max_tokens, max_cost=judge.max_cost)
    report = report or failure_report(failures, len(asked), max_failure_rate=judge.max_failure_rate)
    if report:
        raise JudgeUnavailable(report)
