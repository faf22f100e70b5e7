"""Minutes and calls that are easily overlooked."""

from __future__ import annotations

from recipe.mrpo.doctor.plan.settings import RunSettings

ROWS_PER_SECOND = 15.0
"""Rows with a full image that one process of the processor measures in a second (an estimate)."""


def start_up_minutes(run: RunSettings, *, rows: int) -> float:
    """verl measures every row's prompt at each start (`data.filter_overlong_prompts`).

    rows / (15 x data.filter_overlong_prompts_workers) seconds
    """
    return rows / (ROWS_PER_SECOND * max(1, run.data_workers)) / 60


def judge_calls_of_validation(run: RunSettings, *, validation_rows: int) -> int:
    """Calls of one validation: one for a rollout if a judge outside is asked, n (K + 1) if it continues rollouts."""
    return 0 if run.judge == "overlap" else validation_rows * run.judge_calls
