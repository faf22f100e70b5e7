"""The metrics of a training step, over its updates."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from recipe.mrpo.wiring.dropped_rows import rows_too_long
from recipe.mrpo.wiring.estimators import StepCredit
from recipe.mrpo.wiring.rollout_data import RolloutRow
from recipe.mrpo.wiring.step_metrics import step_metrics

from .trainer_run import add, batch_of, metrics_of_step

NAMES = ("terminology", "summary", "maximum", "total_time", "lr")  # verl: least, sum, most, sum, last


def several(queue, make_record):
    """Two updates of four and two rollouts, all different, with rewards under NAMES."""
    values = {"a": (1.0, 0.0, 0.5, 0.25), "b": (0.0, 1.0)}
    for group, answers in values.items():
        for i, answer in enumerate(answers):
            record = make_record(answer=answer, labels=None if answer == 0.25 else [1, 0, 1][: 1 + i])
            rewards = record.rewards | {name: 0.1 * i + answer for name in NAMES}
            weights = record.weights | dict.fromkeys(NAMES, 0.0)
            add(queue, f"{group}_{i}_0", replace(record, rewards=rewards, weights=weights), tokens=8 + i)
    return [batch_of(queue, [key for key in queue.rows if key.startswith(group)]) for group in values]


@pytest.mark.parametrize("mode", ["sync", "separate_async"])
def test_the_metrics_of_several_updates_are_those_of_all_their_rollouts(queue, trainer, make_record, mode):
    """verl combines metrics by their names, where it finds "min" in terminology and "max" in maximum."""
    first, second = several(queue, make_record)
    both = batch_of(queue, [*first.keys, *second.keys])
    at_once = metrics_of_step(trainer(mode=mode), both)
    apart = metrics_of_step(trainer(mode=mode), first, second)
    assert {n: v for n, v in apart.items() if n.startswith("mrpo/")} == pytest.approx(
        {n: v for n, v in at_once.items() if n.startswith("mrpo/")}
    )
    for name in NAMES:
        every = [0.1 * i + a for answers in ((1.0, 0.0, 0.5, 0.25), (0.0, 1.0)) for i, a in enumerate(answers)]
        assert apart[f"mrpo/reward/{name}"] == pytest.approx(sum(every) / 6)


def test_the_totals_of_a_run_are_those_at_the_end_of_the_step_whatever_the_number_of_updates(
    queue, trainer, make_record
):
    one = trainer(**{"judge.price_per_million.prompt": 2.0, "judge.price_per_million.completion": 8.0})
    batches = several(queue, make_record)
    for step in (1, 2, 3):
        metrics = metrics_of_step(one, *batches)
        assert metrics["mrpo/judge/tokens_of_run"] == step * 6 * (7 + 3)
        assert metrics["mrpo/judge/cost_of_run"] == pytest.approx(step * 6 * (7 * 2 + 3 * 8) / 1e6)
        assert metrics["mrpo/judge/calls_total"] == 6
        assert metrics["mrpo/judge/cost_total"] == pytest.approx(6 * (7 * 2 + 3 * 8) / 1e6)


def test_metrics_of_a_step(make_record, options):
    records = [
        make_record(answer=1.0, labels=[1, 1], length=-0.5),
        make_record(
            answer=0.0,
            labels=[1, 0, 0],
            length=-0.25,
            judge={"calls": 3, "retries": 2, "latency_s": 2.0, "cached": True, "agreement": 0.5, "estimated_calls": 3},
        ),
        make_record(
            answer=0.2,
            labels=None,
            judge={"calls": 2, "retries": 1, "fallbacks": 1, "latency_s": 4.0, "agreement": None, "cache_faults": 2},
        ),
        make_record(answer=0.4, labels=[], process=0.0, spans=[], judge={}),  # no steps: nothing to judge
        make_record(answer=1.0, labels=None, judge_status="skipped:right", length=-0.1875, judge={}),
        make_record(answer=1.0, labels=None, judge_status="skipped:no_gold_reasoning", length=-0.1875, judge={}),
        None,
    ]
    got = step_metrics([StepCredit(records, options(), norm_by_std=True, use_kl_in_reward=False)], options())
    expected = {
        "reward/answer": 0.6, "reward/length": -0.1875, "reward/process": (1 + 1 / 3 + 0) / 3,
        "wrong_answers": 0.5, "steps_per_rollout": 14 / 6, "rollouts_with_2_steps": 5 / 6,
        "rollouts_without_steps": 1 / 6, "valid_steps": 3 / 5,
        "unaligned_steps": 0.0, "no_invalid_step": 0.5, "ffp": 0.5, "far": 1.0,
        "ffp/early": 0.0, "ffp/mid": 1.0, "ffp/late": 0.0,
        "judge/calls_total": 6.0, "judge/failures_total": 1.0, "judge/failure_share": 1 / 3,
        "judge/skipped_total": 2.0, "judge/skipped_by_option_total": 1.0,
        "judge/cached_total": 1.0, "judge/cache_faults_total": 2.0, "judge/estimated_calls_total": 3.0,
        "judge/retries_total": 3.0, "judge/fallbacks_total": 1.0, "judge/agreement": 0.5,
        "judge/latency_s": (0.5 + 4.0) / 2, "judge/latency_max_s": 4.0, "judge/failures/timeout_total": 1.0,
        "reward_errors_total": 0.0, "rows_without_record_total": 1.0, "rollouts_missing_total": 0.0,
    }  # fmt: skip
    assert {name: got[f"mrpo/{name}"] for name in expected} == pytest.approx(expected)


def test_a_mean_over_nothing_is_left_out(make_record, options):
    failed = StepCredit([make_record(labels=None)], options(), norm_by_std=True, use_kl_in_reward=False)
    got = step_metrics([failed], options())
    assert not {"mrpo/reward/process", "mrpo/valid_steps", "mrpo/ffp", "mrpo/far", "mrpo/ffp/early"} & set(got)
    empty = StepCredit([None], options(), norm_by_std=True, use_kl_in_reward=False)
    nothing = step_metrics([empty], options())
    assert nothing["mrpo/rows_without_record_total"] == 1 and "mrpo/wrong_answers" not in nothing


def test_tokens_and_cost_of_the_judge_add_up_over_the_run(queue, trainer, make_record):
    prices = {"judge.price_per_million.prompt": 2.0, "judge.price_per_million.completion": 8.0}
    priced, free = trainer(**prices), trainer()
    for one in (priced, free):
        for _ in range(2):
            add(queue, "q_0_0", make_record(answer=1.0))
            add(queue, "q_1_0", make_record(labels=None))  # a failed judgement has been paid for as well
            metrics = metrics_of_step(one, batch_of(queue, list(queue.rows)))
        assert metrics["mrpo/judge/tokens_of_run"] == 2 * 2 * (7 + 3)
        if one is free:
            assert not [name for name in metrics if "cost" in name]
        else:
            assert metrics["mrpo/judge/cost_total"] == pytest.approx(2 * (7 * 2 + 3 * 8) / 1e6)
            assert metrics["mrpo/judge/cost_of_run"] == pytest.approx(2 * metrics["mrpo/judge/cost_total"])


def row(uid="p", *, padding=False, times=(None, None)) -> RolloutRow:
    return RolloutRow(f"{uid}_0_0", uid, 0, padding, 2, None, *times)


def credit(options, records, rows, **more) -> StepCredit:
    return StepCredit(records, options(**more), norm_by_std=True, use_kl_in_reward=False, rows=rows)


def test_a_padding_row_is_not_a_row_without_a_record(make_record, options):
    """verl adds padding to make a batch divisible; of a real row without a record nothing is known."""
    given = credit(options, [make_record(), None, None], [row(), row(), row("pad", padding=True)])
    assert step_metrics([given], options())["mrpo/rows_without_record_total"] == 1


def test_the_slowest_judgements_are_seen_beside_the_mean(make_record, options):
    seconds = [0.1] * 18 + [2.0, 9.0]
    records = [make_record(judge={"calls": 1, "latency_s": s}) for s in seconds]
    records.append(make_record(judge={"calls": 0, "latency_s": 0.0, "cached": True}))  # nobody was asked
    got = step_metrics([credit(options, records, [row()] * 21)], options())
    assert got["mrpo/judge/latency_p50_s"] == pytest.approx(0.1)
    assert got["mrpo/judge/latency_p95_s"] == pytest.approx(2.35)
    assert got["mrpo/judge/latency_max_s"] == 9.0
    assert got["mrpo/judge/latency_s"] == pytest.approx(sum(seconds) / 20)


def test_failures_are_counted_by_kind(make_record, options):
    kinds = ["timeout", "timeout", "http_500", None]
    records = [
        make_record() if kind is None else make_record(labels=None, judge_status=f"failed:{kind}") for kind in kinds
    ]
    got = step_metrics([credit(options, records, [row()] * 4)], options())
    assert {n: v for n, v in got.items() if "/failures/" in n} == {
        "mrpo/judge/failures/timeout_total": 2.0, "mrpo/judge/failures/http_500_total": 1.0,
    }  # fmt: skip


def test_the_share_of_groups_that_teach_nothing(make_record, options):
    """p: all equal; q: different; r: equal but for a reward that is unknown; s: all wrong, another process reward."""
    values = {"p": [1.0, 1.0], "q": [1.0, 0.0], "r": [0.0, 0.0], "s": [0.0, 0.0]}
    records, rows = [], []
    for uid, answers in values.items():
        for i, answer in enumerate(answers):
            labels = {"r": [1, 1] if i else None, "s": [1, i]}.get(uid, [1, 1])
            records.append(make_record(answer=answer, labels=labels, num_steps=2))
            rows.append(row(uid))
    pad = credit(options, [*records, None], [*rows, row("pad", padding=True)])
    assert step_metrics([pad], options())["mrpo/groups_without_spread"] == pytest.approx(2 / 4)
    assert step_metrics([pad], options(shaping="pgrpo"))["mrpo/groups_without_spread"] == pytest.approx(3 / 4)


def test_how_much_longer_the_rollouts_take_with_their_rewards(make_record, options):
    """Generated in 3 and 5 s, rewarded in 4 and 0.5 s: the last one is done after 7 s, without rewards after 5 s."""
    times = [(3.0, 4.0), (5.0, 0.5), (None, None)]
    given = credit(options, [make_record()] * 3, [row(times=t) for t in times])
    got = step_metrics([given], options())
    assert got["mrpo/reward_wait_s"] == pytest.approx(2.0)
    assert (got["mrpo/reward_s"], got["mrpo/reward_max_s"]) == (pytest.approx(2.25), 4.0)
    unmeasured = step_metrics([credit(options, [make_record()], [row()])], options())
    assert not [name for name in unmeasured if "reward_wait" in name]


def test_rows_that_verl_leaves_out_as_too_long_are_counted(tmp_path):
    pq.write_table(pa.table({"prompt": ["a"] * 7}), tmp_path / "train.parquet")
    data = OmegaConf.create({"train_files": [f"{tmp_path}/train.parquet"] * 2, "train_max_samples": -1})
    assert rows_too_long(data, range(11)) == 3
    assert rows_too_long(data, None) is None
    assert rows_too_long(OmegaConf.merge(data, {"train_max_samples": 5}), range(5)) is None
    assert rows_too_long(OmegaConf.create({"train_files": "hdfs://host/train.parquet"}), range(5)) is None
