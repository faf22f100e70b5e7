"""Prompts whose steps are not judged: marked before generation, read by the reward manager, counted apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.wiring.unjudged import COLUMN, MarkedBatches, known_totals, mark_groups, unjudged_counts
from tests.unit.wiring.rollouts import GOOD, run, spied
from tests.unit.wiring.trainer_run import add, batch_of, metrics_of_step

NO_STEPS = "<think></think><answer>pneumonia</answer>"


def prompts(count: int):
    from verl.utils import tensordict_utils as tu

    extra, asked = np.empty(count, dtype=object), np.empty(count, dtype=object)
    extra[:] = [{"index": n, "split": "train", "question": "What?"} for n in range(count)]
    asked[:] = [[{"role": "user", "content": "What?"}]] * count
    source = np.array(["vqa-rad"] * count, dtype=object)
    return tu.get_tensordict({"raw_prompt": asked, "extra_info": extra, "data_source": source})


def marks(batch) -> list[str]:
    return [str(each.data if hasattr(each, "data") else each) for each in (batch[COLUMN][i] for i in range(len(batch)))]


# --- the mark


def test_half_of_a_batch_is_marked_and_the_same_half_again(verl, options):
    one, again = prompts(64), prompts(64)
    for batch in (one, again):
        mark_groups(batch, options(**{"judge.share": 0.5}), step=3)
    assert marks(one) == marks(again) and set(marks(one)) == {"", "share"} and 16 < marks(one).count("share") < 48
    mark_groups(again, options(**{"judge.share": 0.5}), step=4)
    assert marks(one) != marks(again), "another step, another draw"


def test_a_run_that_judges_all_gets_no_column(verl, options):
    batch = prompts(4)
    mark_groups(batch, options(), step=3)
    assert COLUMN not in batch.keys()  # noqa: SIM118 - a TensorDict iterates over rows


def test_the_trainer_marks_a_batch_before_it_is_sent_to_be_generated(trainer, monkeypatch):
    import transfer_queue

    monkeypatch.setattr(transfer_queue, "kv_batch_put", lambda **_: None)
    one, sent = trainer(**{"judge.share": 0.5}), []
    one.trainer_mode, one.agent_loop_manager = "sync", type("M", (), {"generate_sequences": staticmethod(sent.append)})
    batch = prompts(16)
    batch["uid"] = [str(n) for n in range(16)]
    one._submit_batch_to_rollout(batch)
    assert set(marks(sent[0])) == {"", "share"}


def test_every_row_of_a_validation_batch_is_marked_and_no_column_is_lost():
    (marked,) = MarkedBatches([{"raw_prompt": np.array(["a", "b"]), "data_source": np.array(["x", "y"])}])
    assert marked[COLUMN].tolist() == ["validation"] * 2 and list(marked["data_source"]) == ["x", "y"]


# --- the reward manager


@pytest.mark.parametrize("reason", ["share", "validation"])
@pytest.mark.parametrize("text", [GOOD, NO_STEPS])
def test_a_marked_rollout_reaches_no_judge_and_its_step_metrics_are_unknown_and_not_0(manager_of, row_of, reason, text):
    one = manager_of()
    seen = spied(one)
    out, record = run(one, row_of(text, **{COLUMN: reason}))
    assert seen == [] and record.labels is None and record.judge_status == f"skipped:{reason}"
    assert not record.judge_failed and record.rewards["process"] is None, "no steps are no known 0 either"
    assert record.rewards["answer"] == 1.0 and out["reward_extra_info"]["acc"] == 1.0
    assert not {"process_reward", "valid_steps", "no_invalid_step", "ffp"} & out["reward_extra_info"].keys()
    assert record.spans == run(one, row_of(text))[1].spans, "its steps stand in the dump"


@pytest.mark.parametrize("mark", [None, ""])
def test_without_a_mark_the_judge_is_asked(manager_of, row_of, mark):
    columns = {} if mark is None else {COLUMN: mark}
    assert run(manager_of(), row_of(GOOD, **columns))[1].judge_status == "ok"


# --- what is learned from unjudged groups


def advantages(queue, trainer, records: dict[str, RolloutRecord], **options):
    for key, record in records.items():
        add(queue, key, record)
    metrics = metrics_of_step(trainer(**options), batch_of(queue, list(records)))
    return metrics, {key: queue.rows[key]["advantages"] for key in records}


def unjudged(make_record, **values) -> RolloutRecord:
    return make_record(labels=None, judge_status="skipped:share", judge={}, **values)


def test_an_unjudged_group_is_that_of_grpo_without_the_process_reward_and_its_neighbour_does_not_feel_it(
    queue, trainer, make_record
):
    judged = {"a_0_0": make_record(answer=1.0), "a_1_0": make_record(answer=0.0, labels=[0, 1, 1])}
    left = {"b_0_0": unjudged(make_record, answer=1.0), "b_1_0": unjudged(make_record, answer=0.0)}
    metrics, both = advantages(queue, trainer, judged | left)
    assert metrics["mrpo/judge/groups_judged"] == 0.5 and metrics["mrpo/judge/skipped_by_share_total"] == 2
    assert metrics["mrpo/judge/failures_total"] == 0 and "mrpo/judge/failure_share" in metrics
    totals = [sum(v * r.weights[n] for n, v in r.rewards.items() if n != "process") for r in left.values()]
    std = torch.tensor(totals).double().std()
    for key, total in zip(left, totals, strict=True):
        wanted = (total - sum(totals) / 2) / (std + 1e-4)
        assert both[key].tolist() == pytest.approx([wanted.item()] * 12, abs=1e-5), "one value, so it is not shaped"
    queue.rows.clear()
    _, alone = advantages(queue, trainer, judged)
    assert all(torch.equal(alone[key], both[key]) for key in judged)


def test_a_batch_of_unjudged_groups_does_not_stop_the_run(queue, trainer, make_record):
    records = {f"a_{n}_0": unjudged(make_record, answer=float(n % 2)) for n in range(8)}
    metrics, _ = advantages(queue, trainer, records, **{"judge.max_failure_rate": 0.0})
    assert metrics["mrpo/judge/groups_judged"] == 0.0 and "mrpo/judge/failure_share" not in metrics
    assert "mrpo/reward/process" not in metrics and "mrpo/valid_steps" not in metrics


# --- a validation


def test_the_sum_of_rewards_is_unknown_where_the_process_reward_was_not_judged(make_record):
    known = make_record()
    left = make_record(labels=None, judge_status="skipped:validation", rewards={"process": None})
    columns = {"reward": [1.0, 2.0, 3.0], "acc": [1, 0, 1]}
    assert known_totals(columns, [known, left, None]) == {"reward": [1.0, None, 3.0], "acc": [1, 0, 1]}
    assert known_totals(columns, [known, known, None]) == columns
    assert unjudged_counts(["a", "b", "b"], [known, left, None]) == {
        "mrpo/val/a/unjudged_total": 0.0,
        "mrpo/val/b/unjudged_total": 1.0,
    }


@pytest.mark.parametrize(("step", "marked"), [(0, False), (2, True), (4, False), (6, True), (7, False)])
def test_every_second_validation_is_marked_and_the_trainer_keeps_its_loader(verl, trainer, monkeypatch, step, marked):
    from .trainer_run import stock_class

    one, seen = trainer(**{"judge.validation_every": 2}), []
    OmegaConf.set_struct(one.config, False)
    one.config.trainer.test_freq, one.global_steps, one.total_training_steps = 2, step, 7
    one.val_dataloader = loader = [{"raw_prompt": np.array(["a"])}]
    monkeypatch.setattr(stock_class(verl), "_validate", lambda self: seen.extend(self.val_dataloader) or {})
    one._validate()
    assert (COLUMN in seen[0]) is marked and one.val_dataloader is loader
