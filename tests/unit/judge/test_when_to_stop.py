"""A run stops when its judge fails too often or its budget is spent."""

from __future__ import annotations

import pytest

from recipe.mrpo.judge.when_to_stop import budget_report, failure_report


@pytest.mark.parametrize(
    ("failures", "judged", "rate", "stops", "why"),
    [
        ({}, 0, 0.5, False, "nothing was judged"),
        ({}, 64, 0.0, False, "none failed"),
        ({"timeout": 32}, 64, 0.5, False, "exactly the rate"),
        ({"timeout": 30, "http_500": 3}, 64, 0.5, True, "above the rate"),
        ({"timeout": 64}, 64, 1.0, False, "never"),
        ({"timeout": 1}, 64, 0.0, True, "none is borne"),
    ],
)
def test_too_many_failures_stop_the_run_with_their_kinds(failures, judged, rate, stops, why):
    report = failure_report(failures, judged, max_failure_rate=rate)
    assert (report is not None) == stops, why
    if report:
        assert "mrpo.judge.max_failure_rate" in report and all(f"{k} x{n}" in report for k, n in failures.items())


@pytest.mark.parametrize(
    ("tokens", "cost", "refused", "limits", "says"),
    [
        (5, None, {}, (None, None), None),
        (5, None, {}, (6, None), None),
        (6, None, {}, (6, None), "mrpo.judge.max_tokens=6 is spent"),
        (7, 0.5, {}, (6, 1.0), "mrpo.judge.max_tokens=6 is spent"),
        (5, 0.5, {}, (6, 1.0), None),
        (5, 1.0, {}, (6, 1.0), "mrpo.judge.max_cost=1.0 is spent"),
        (5, 0.5, {"token_budget": 2, "timeout": 1}, (6, None), "2 judgements of this batch were refused"),
        (5, 0.5, {"cost_budget": 1}, (6, 1.0), "mrpo.judge.max_cost=1.0 is spent"),
    ],
)
def test_a_spent_budget_stops_the_run(tokens, cost, refused, limits, says):
    report = budget_report(tokens, cost, refused, max_tokens=limits[0], max_cost=limits[1])
    assert report is None if says is None else says in report
