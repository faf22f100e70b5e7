"""What a benchmark says of its figures; the figures themselves are measured by hand."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import pytest

from benchmarks import all as all_benches
from benchmarks import bench_judge_in_run, bench_scale, bench_spending, bench_step_overhead
from recipe.mrpo.gpu_check.batch import largest_deviation, make_batch
from tests.fake_judge_server import FakeJudgeServer


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


def test_what_step_credit_adds_to_a_step_is_compared_with_the_rest_of_it():
    """A step of 10 s, of which 0.2 s waited for judgements and 0.3 s made advantages: 9.5 s without."""
    times = {"timing_s/step": [10.0], "mrpo/reward_wait_s": [0.2], "timing_s/adv": [0.3]}
    assert bench_step_overhead.ratios(times) == [pytest.approx(10 / 9.5)]


# --- benchmarks/all.py ---


def test_figures_are_read_from_what_a_benchmark_prints_and_a_missing_one_is_none():
    code = "print('mrpo   2.50  2.40  1.75 1.50 36.0'); print('mrpo_reading_records 3 3 2 1.6 40'); print('rest')"
    bench = all_benches.Bench("it", ("-c", code), {**all_benches.estimator(1, 1).figures, "other": r"^other (\d+)"})
    found = all_benches.run(bench, timeout=900)
    known = {name: figure for name, figure in found["figures"].items() if figure is not None}
    assert known == {
        "mrpo x GRPO": 1.75, "mrpo x GRPO, CPU": 1.5, "mrpo CPU ms": 2.4, "mrpo peak MiB": 36.0,
        "mrpo_reading_records x GRPO": 2.0, "mrpo_reading_records x GRPO, CPU": 1.6,
    }  # fmt: skip
    assert found["figures"]["other"] is None and "fault" not in found


def test_a_failing_benchmark_has_no_figures_and_its_reason_stands_in_the_table():
    bench = all_benches.Bench("it", ("-c", "print('CPU 3'); raise SystemExit('too slow')"), {"CPU s": r"^CPU (\d+)"})
    found = all_benches.run(bench, timeout=900)
    assert found["figures"] == {"CPU s": None} and found["fault"] == "too slow"
    assert "| it | too slow |" in all_benches.markdown({"machine": {"cores": 2}, "benchmarks": [found]})


def test_every_pattern_has_one_group():
    for bench in all_benches.BENCHES:
        for pattern in bench.figures.values():
            assert re.compile(pattern).groups == 1, bench.name


def test_the_core_takes_rollouts_by_the_batch_to_the_advantages_of_the_estimator():
    records, rewards, mask, index = make_batch(16, 64, 8, 5, 0)
    given = bench_scale.one_batch(records, rewards, mask, index)
    assert largest_deviation(given, records, mask, index) < 1e-5


# --- benchmarks/bench_spending.py ---


def test_the_cost_of_a_setting_is_that_of_the_rollouts_it_lets_through():
    given = bench_spending.prompts([bench_spending.SAMPLE / "step_labels.jsonl"], group=2, right=0.5, seed=0)[:2]
    with FakeJudgeServer(usage_of=lambda messages, reply: {"prompt_tokens": 100, "completion_tokens": 10}) as server:
        base = {"judge": {"name": "openai", "openai": {"base_url": server.base_url, "model": "m", "send_image": False}}}

        def row(name, options, every=None, steps=1):
            setting = bench_spending.Setting(name, options, every)
            return asyncio.run(bench_spending.spent(setting, base, given, steps))

        every = row("all", {})
        assert every == {"rollouts": 4, "judged": 4, "calls": 4, "prompt": 400, "completion": 40}
        assert row("none", {"judge": {"share": 0.0}})["calls"] == 0
        wrong = sum(bench_spending.WRONG_ANSWER in text for p in given for text in p.completions)
        assert row("wrong", {"judge": {"ask_for": "wrong_answers"}})["judged"] == wrong
        validation = row("validation", {}, every=4, steps=8)
        assert (validation["rollouts"], validation["judged"]) == (32, 8)
        verdict = row("verdict", {"judge": {"share": 0.0}, "rewards": {"answer": {"mode": "judge"}}})
        assert (verdict["judged"], verdict["calls"]) == (0, 4), "a verdict on the answer is asked for all the same"
    printed = bench_spending.table([("all", every), ("half", every | {"calls": 2, "prompt": 200})], (2.0, 4.0))
    assert "| `all` | 1,000 | 1,000 | 100,000 | 10,000 | 100% | 0.24 |" in printed
    assert "| `half` | 1,000 | 500 | 50,000 | 10,000 | 55% | 0.14 |" in printed


LEAK = """
from benchmarks import bench_scale
kept, right = [], bench_scale.one_batch
bench_scale.one_batch = lambda *a: kept.append(right(*a)) or kept[-1]
"""


@pytest.mark.long
@pytest.mark.parametrize(("before", "constant"), [("from benchmarks import bench_scale", True), (LEAK, False)])
def test_the_core_needs_no_more_memory_for_more_rollouts(before, constant):
    """30,000 of them, of which the last nine tenths may take 12 MiB more; kept, their advantages alone take 26."""
    words = "['--rollouts', '30000', '--length', '256', '--max-growth-mib', '12']"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{before}\nbench_scale.main({words})"], capture_output=True, text=True
    )
    assert (done.returncode == 0) == constant, done.stderr[-500:]
    assert constant or "memory grew by" in done.stderr
