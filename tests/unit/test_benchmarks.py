"""What a benchmark says of its figures; the figures themselves are measured by hand."""

from __future__ import annotations

import pytest

from benchmarks import bench_judge_in_run


@pytest.fixture
def measured(monkeypatch, capsys):
    """measured(slow, *arguments, failed=0) -> status and output, where a step takes 10 s with the instant judge."""

    def run(slow, *arguments, failed=0.0):
        def step_times(folder, *, latency_s, arguments):
            step = {"timing_s/step": slow if latency_s else 10.0, "timing_s/gen": 8.0}
            judge = {"mrpo/judge/latency_s": latency_s, "mrpo/judge/failures_total": failed if latency_s else 0.0}
            return {name: [value] * 4 for name, value in (step | judge).items()}

        monkeypatch.setattr(bench_judge_in_run, "make_assets", lambda: None)
        monkeypatch.setattr(bench_judge_in_run, "step_times", step_times)
        try:
            bench_judge_in_run.main(arguments)
        except SystemExit as ended:
            return ended.code, capsys.readouterr().out
        return None, capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("slow", "arguments", "passes", "why"),
    [
        (10.4, [], True, "4 % longer"),
        (10.6, [], False, "6 % longer: the command of the docs has a limit"),
        (10.6, ["--max-ratio", "1.1"], True, "another limit"),
        (20.0, ["--max-ratio", "inf"], True, "no limit, by its name"),
        (float("nan"), [], False, "no figure"),
    ],
)
def test_a_slow_judge_may_cost_a_step_five_percent(measured, slow, arguments, passes, why):
    status, printed = measured(slow, *arguments)
    assert (status is None) == passes, why
    assert "ratio" in printed
    assert passes or ("128 judgements in 32 slots take 4.0 s at least" in status and "generation 8.0 s" in status)


def test_times_of_judgements_that_failed_are_no_comparison(measured):
    assert "judgements failed" in measured(10.0, failed=1.0)[0]
