"""Why a run stops after a batch, through verl's real trainer."""

from __future__ import annotations

import pytest

from recipe.mrpo.scoring.faults import ScoringStopped
from recipe.mrpo.wiring.stops import JudgeUnavailable, stop_if_judge_failed

from .trainer_run import CUTS, add, batch_of, metrics_of_step


@pytest.mark.parametrize(
    ("changed", "kind", "says"),
    [
        ({"judge.max_tokens": 20}, "timeout", "mrpo.judge.max_tokens=20 is spent (20 on training"),
        ({"judge.max_cost": 5e-5}, "timeout", "mrpo.judge.max_cost=5e-05 is spent (7.6e-05 on training"),
        ({"judge.max_tokens": 10**9}, "token_budget", "mrpo.judge.max_tokens=1000000000 is spent"),  # by validation
        ({"judge.max_cost": 9.0}, "cost_budget", "1 judgements of this batch were refused"),
        ({"judge.max_tokens": 10**9, "judge.max_cost": 9.0}, "timeout", None),
    ],
)
def test_a_spent_budget_stops_the_run_whoever_spent_it(queue, trainer, make_record, changed, kind, says):
    prices = {"judge.price_per_million.prompt": 2.0, "judge.price_per_million.completion": 8.0}
    one = trainer(**prices, **changed, **{"judge.max_failure_rate": 1.0})
    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record(labels=None, judge_status=f"failed:{kind}"))
    batch = batch_of(queue, list(queue.rows))
    if says is None:
        metrics_of_step(one, batch)
        return
    with pytest.raises(JudgeUnavailable) as caught:
        metrics_of_step(one, batch)
    assert says in str(caught.value)


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo"])
def test_a_record_that_says_so_ends_the_run_before_anything_is_trained(queue, trainer, make_record, estimator):
    """A private row and a judge elsewhere: one rollout is enough, whatever the rates."""
    why = "row vqa/train/7 of the data may not leave this machine; set mrpo.judge.allow_hosts."
    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record(labels=None, wrong=None, fatal=why, rewards={"answer": None, "process": None}))
    with pytest.raises(ScoringStopped) as caught:
        metrics_of_step(trainer(estimator), batch_of(queue, list(queue.rows)))
    assert str(caught.value) == why
    assert "advantages" not in queue.rows["q_0_0"]


def validated(one, records):
    """verl's real metrics of a validation with these records, two rollouts a prompt."""
    infos = [record.to_extra_info(stage_cuts=CUTS) for record in records]
    names = dict.fromkeys(name for info in infos for name in info)
    columns = {name: [info.get(name) for info in infos] for name in names} | {"reward": [r.total for r in records]}
    uids = [str(i // 2) for i in range(len(records))]
    counts = {("vqa", uid): 2 for uid in uids}
    return one._val_metrics_update(["vqa"] * len(records), uids, columns, [2] * len(records),
                                   expected_acc_counts=counts)  # fmt: skip


@pytest.mark.parametrize("estimator", ["mrpo", "grpo"])
def test_a_record_that_says_so_ends_the_run_at_validation_too(trainer, make_record, estimator):
    why = "row vqa/test/7 of the data may not leave this machine; set mrpo.judge.allow_hosts."
    bad = make_record(labels=None, wrong=None, fatal=why, rewards={"answer": None})
    with pytest.raises(ScoringStopped, match="row vqa/test/7"):
        validated(trainer(estimator), [make_record(answer=1.0), bad])


def test_an_unknown_answer_is_no_wrong_answer_of_a_validation(trainer, make_record):
    """One of two is right, one wrong, of the others nobody can tell: accuracy 0.5."""
    unknown = make_record(wrong=None, errors={"answer": "KeyError"}, rewards={"answer": None})
    right, wrong = make_record(answer=1.0), make_record(answer=0.0)
    one = trainer(**{"guards.max_reward_error_rate": 1.0})
    for records in ([right, unknown, wrong, unknown], [right, wrong, unknown, unknown]):
        metrics = validated(one, records)
        assert [v for n, v in metrics.items() if n.startswith("val-core/vqa/acc/mean")] == [0.5]
    assert validated(one, [right, wrong])["val-core/vqa/acc/mean@2"] == 0.5


@pytest.mark.parametrize(("rate", "stops"), [(0.2, True), (0.25, False), (1.0, False)])
def test_too_many_rewards_that_raise_stop_the_run(queue, trainer, make_record, rate, stops):
    for i in range(3):
        add(queue, f"q_{i}_0", make_record(answer=float(i == 0)))
    add(queue, "q_3_0", make_record(answer=0.0, errors={"length": "KeyError"}))
    one, batch = trainer(**{"guards.max_reward_error_rate": rate}), batch_of(queue, list(queue.rows))
    if stops:
        with pytest.raises(ScoringStopped, match=r"1 of 4 rollouts.*length: KeyError x1.*max_reward_error_rate"):
            metrics_of_step(one, batch)
    else:
        metrics = metrics_of_step(one, batch)
        assert metrics["mrpo/reward_errors_total"] == metrics["mrpo/reward_errors/length/KeyError_total"] == 1


def test_the_failure_rate_is_that_of_the_rollouts_that_the_judge_was_asked_about(make_record, options):
    """With mrpo.rewards.answer.mode=judge it is asked about the answers of unjudged groups, too."""
    failed = make_record(labels=None)
    verdicts = [make_record(labels=None, judge_status="skipped:share") for _ in range(3)]
    unasked = [make_record(labels=None, judge_status="skipped:share", judge={}) for _ in range(3)]
    strict = options(**{"judge.max_failure_rate": 0.3})
    stop_if_judge_failed([failed, *verdicts], strict, tokens=0, cost=None)
    with pytest.raises(JudgeUnavailable, match="failed on 1 of 1 rollouts"):
        stop_if_judge_failed([failed, *unasked], strict, tokens=0, cost=None)
