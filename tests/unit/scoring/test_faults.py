"""When errors of rewards stop a run, and what is told of them."""

from __future__ import annotations

import pytest

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.scoring.faults import Told, ends_the_run, error_report, fatal_report


@pytest.mark.parametrize(
    ("failed", "rate", "stops"), [(0, 0.0, False), (1, 0.25, False), (1, 0.2, True), (4, 1.0, False)]
)
def test_the_run_stops_above_the_rate_and_says_which_reward(make_record, failed, rate, stops):
    records = [make_record(errors={"own": "KeyError"} if i < failed else {}) for i in range(4)]
    report = error_report(records, max_error_rate=rate)
    assert (report is not None) == stops
    if stops:
        assert "1 of 4 rollouts (25%): own: KeyError x1" in report and "mrpo.guards.max_reward_error_rate" in report


def test_one_record_with_a_reason_is_enough_to_end_the_run(make_record):
    assert fatal_report([make_record(), make_record()]) is None
    assert fatal_report([make_record(), make_record(fatal="a private row")]) == "a private row"


@pytest.mark.parametrize(
    ("error", "ends"),
    [(PermissionError("may not leave"), True), (OptionError("mrpo.x must be set."), True), (KeyError("x"), False),
     (PermissionError(13, "Permission denied", "/a/file"), False), (ValueError(), False), (SystemExit(1), False)],
)  # fmt: skip
def test_only_what_no_rollout_would_escape_ends_the_run(error, ends):
    assert ends_the_run(error) is ends


def test_an_error_is_told_once_for_each_place_and_kind(caplog):
    told = Told()
    for where in ("here", "here", "there"):
        for error in (KeyError("a"), KeyError("b"), ValueError("c")):
            assert told(where, error) == type(error).__name__
    assert len(caplog.records) == 4
