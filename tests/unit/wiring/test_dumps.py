"""What verl's JSONL dumps say of a rollout, through its real `_log_rollout_data` and `_write_generations`."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.wiring.dumps import advantage_columns, dump_columns

from .trainer_run import CUTS, add, batch_of, rows_of


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo"])
def test_a_training_dump_can_be_read_as_steps_labels_and_advantages(queue, trainer, make_record, tmp_path, estimator):
    """Through verl's real `_log_rollout_data` and `_write_generations`."""
    records = {"q_1_0": make_record(labels=[0, 1, 1]), "q_0_0": make_record(answer=1.0, labels=[1, 1])}
    for key, record in records.items():
        add(queue, key, record)
    one = trainer(estimator)
    batch = batch_of(queue, list(records))
    one._compute_advantage(batch, {})
    one._log_rollout_data(batch, {}, str(tmp_path / "train"))
    one._shutdown_dump_executor()
    rows = rows_of(tmp_path / "train" / "3.jsonl")
    assert [row["uid"] for row in rows] == ["q_0_0", "q_1_0"]
    for row in rows:
        record, tokens = records[row["uid"]], queue.rows[row["uid"]]["advantages"].tolist()
        dumped = row["mrpo"]
        assert dumped["steps"] == record.steps and dumped["labels"] == record.labels
        assert dumped["rewards"] == record.rewards and dumped["judge_status"] == "ok"
        assert dumped["advantage"] == pytest.approx(tokens[-1])
        assert dumped["step_advantages"] == pytest.approx([tokens[t0] for t0, _ in record.spans])
        assert row["acc"] == float(not record.wrong) and row["answer_reward"] == record.rewards["answer"]
        assert RECORD_KEY not in row


def test_a_failed_judgement_is_dumped_as_null_not_as_zero(queue, trainer, make_record, tmp_path):
    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record(labels=None))
    one = trainer()
    batch = batch_of(queue, list(queue.rows))
    one._compute_advantage(batch, {})
    one._log_rollout_data(batch, {}, str(tmp_path / "train"))
    one._shutdown_dump_executor()
    row = rows_of(tmp_path / "train" / "3.jsonl")[1]
    assert row["process_reward"] is None and row["mrpo"]["rewards"]["process"] is None
    assert row["mrpo"]["labels"] is None and row["mrpo"]["judge_status"] == "failed:timeout"
    assert len(set(row["mrpo"]["step_advantages"])) == 1


def validation_columns(record) -> dict[str, list]:
    info = record.to_extra_info(stage_cuts=CUTS)
    return {"reward": [record.total]} | {name: [value] for name, value in info.items()} | {"uid": ["val_0_0"]}


def dump_validation(one, record, path) -> dict:
    one._dump_generations(["in"], ["out"], ["yes"], [record.total], validation_columns(record), str(path))
    for future in one._dump_futures:
        future.result()
    return rows_of(path / "3.jsonl")[0]


def test_a_validation_dump_carries_the_record(trainer, make_record, tmp_path):
    record = make_record(answer=1.0, labels=[1, 0])
    row = dump_validation(trainer(), record, tmp_path / "val")
    assert row["mrpo"]["steps"] == record.steps and row["mrpo"]["labels"] == [1, 0]
    assert row["acc"] == 1.0 and row["ffp"] == 1.0


def test_a_validation_between_step_and_dump_keeps_its_own_columns(queue, trainer, make_record, tmp_path):
    """verl's order in `fit`: update, validation (with its dump), then the dump of the training rows."""
    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record())
    one, batch = trainer(), batch_of(queue, list(queue.rows))
    one._compute_advantage(batch, {})
    record = make_record(answer=1.0, labels=[1, 0])
    row = dump_validation(one, record, tmp_path / "val")
    assert row["acc"] == 1.0
    assert row["mrpo"]["steps"] == record.steps
    one._log_rollout_data(batch, {}, str(tmp_path / "train"))
    one._shutdown_dump_executor()
    assert [r["mrpo"]["labels"] for r in rows_of(tmp_path / "train" / "3.jsonl")] == [[1, 0, 1], [1, 0, 1]]


def test_a_stock_dump_is_as_verl_writes_it(trainer, tmp_path):
    one = trainer("grpo", mrpo=False)
    one._dump_generations(["in"], ["out"], ["yes"], [1.0], {"uid": ["a"], "acc": [1.0]}, str(tmp_path / "val"))
    one._shutdown_dump_executor()
    (row,) = rows_of(tmp_path / "val" / "3.jsonl")
    assert row == {"input": "in", "output": "out", "gts": "yes", "score": 1.0, "step": 3, "uid": "a", "acc": 1.0}


def test_advantage_columns(make_record):
    record = make_record(labels=[1, 0], spans=[(1, 3), (3, 3)])  # the second step has no token of its own
    got = advantage_columns(record, [5.0, 1.0, 1.0, 5.0, 0.0], [1, 1, 1, 1, 0])
    assert got == {"advantage": 5.0, "step_advantages": [1.0, None]}
    everywhere = make_record(labels=[1], spans=[(0, 2)])
    assert advantage_columns(everywhere, [1.0, 1.0], [1, 1]) == {"advantage": None, "step_advantages": [1.0]}
    cut = make_record(labels=[1, 0], spans=[(0, 2), (4, 6)])  # verl cut the response before the second step
    assert advantage_columns(cut, [1.0, 1.0, 2.0], [1, 1, 1]) == {"advantage": 2.0, "step_advantages": [1.0, None]}


def test_dump_columns_leave_rows_without_a_record_empty(make_record):
    text = make_record().to_extra_info(stage_cuts=CUTS)[RECORD_KEY]
    given = {"uid": ["a", "b"], RECORD_KEY: [text, None], "acc": [1.0, None]}
    got = dump_columns(given, {})
    assert got["mrpo"][1] is None and got["mrpo"][0]["steps"] == make_record().steps
    assert got["acc"] == [1.0, None]
    assert given.keys() == {"uid", RECORD_KEY, "acc"}  # the caller's columns stay as they were
    assert RolloutRecord.from_extra_info({RECORD_KEY: text}) == make_record()
