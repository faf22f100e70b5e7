"""The rows of a batch: their order, padding, later outputs, turns, and the rollouts that are missing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from recipe.mrpo.wiring import rollout_data
from recipe.mrpo.wiring.rollout_data import RolloutRow, missing_rollouts, read_rollouts
from recipe.mrpo.wiring.trainer import records_of

from .trainer_run import add, batch_of, metrics_of_step

ROOT = Path(__file__).parents[3]


def test_records_come_in_row_order_and_padding_rows_have_none(verl, queue, make_record):
    from verl.trainer.ppo import padding_utils

    records = [make_record(answer=a) for a in (0.0, 0.5, 1.0)]
    for i, record in enumerate(records):
        add(queue, f"q_{i}_0", record)
    batch = padding_utils.upsample_batch_to_divisible_size(batch_of(queue, ["q_2_0", "q_0_0", "q_1_0"]), 4, 0)
    assert len(batch) == 4  # verl's real padding row, which copies the fields of the first one
    batch.reorder([1, 3, 0, 2])
    assert records_of(read_rollouts(batch)) == [records[0], None, records[2], records[1]]


@pytest.mark.parametrize("info", [None, {}, {"acc": 1.0}], ids=["no info", "empty info", "another reward manager"])
def test_a_row_without_a_record_has_none(queue, make_record, info):
    add(queue, "q_0_0", None, info=info)
    add(queue, "q_1_0", make_record())
    assert records_of(read_rollouts(batch_of(queue, ["q_0_0", "q_1_0"]))) == [None, make_record()]


def test_later_outputs_of_one_rollout_are_refused(queue, make_record):
    for key in ("q_0_0", "q_0_1", "q_1_0"):
        add(queue, key, make_record())
    with pytest.raises(RuntimeError, match=r"1 rows .*q_0_1.*default_agent_loop=single_turn_agent"):
        records_of(read_rollouts(batch_of(queue, list(queue.rows))))


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo"])
def test_tool_turns_stop_the_run_at_its_first_batch(queue, trainer, make_record, estimator):
    """As verl's tool_agent leaves them, which rows of a file that verl fetches itself may ask for."""
    add(queue, "q_0_0", make_record())
    add(queue, "q_1_0", make_record(), turns=4)
    with pytest.raises(RuntimeError, match=r"has 4 turns.*agent_name.*single_turn_agent"):
        trainer(estimator)._compute_advantage(batch_of(queue, list(queue.rows)), {})


def test_a_stock_run_never_looks_for_records(verl, queue, trainer, make_record, monkeypatch):
    one = trainer("grpo", mrpo=False)
    monkeypatch.setattr(rollout_data, "_read", lambda *_: pytest.fail("looked for records"))
    for key, answer in (("q_0_1", 1.0), ("q_1_1", 0.0)):  # multi-output loops stay possible there
        add(queue, key, make_record(answer=answer))
    metrics = metrics_of_step(one, batch_of(queue, ["q_0_1", "q_1_1"]))
    assert not [name for name in metrics if name.startswith("mrpo/")]
    assert queue.rows["q_0_1"]["advantages"][0] > 0


def test_a_row_knows_its_prompt_and_what_verl_measured(queue, make_record):
    add(queue, "a-b_c_1_0", make_record())
    queue.rows["a-b_c_1_0"]["metrics"] = {"generate_sequences": 2.5, "compute_score": 0.5, "num_preempted": -1}
    (row,) = read_rollouts(batch_of(queue, ["a-b_c_1_0"]))
    assert (row.uid, row.output, row.padding, row.turns) == ("a-b_c", 0, False, 2)
    assert (row.generation_s, row.scoring_s) == (2.5, 0.5)


def rows(*keys: str, padding: tuple[str, ...] = ()) -> list[RolloutRow]:
    return [
        RolloutRow(key, key.rsplit("_", 2)[0], int(key[-1]), key in padding, 2, None, None, None)
        for key in (*keys, *padding)
    ]


@pytest.mark.parametrize(
    ("found", "missing", "why"),
    [
        (rows("p_0_0", "p_1_0", "q_0_0", "q_1_0"), 0, "two groups of two"),
        (rows("p_0_0", "p_1_0", "q_1_0"), 1, "one rollout of q raised"),
        (rows("p_0_0", "p_1_0"), 2, "every rollout of q raised"),
        (rows("p_0_0", "q_1_0", padding=("x_0_0", "x_1_0")), 2, "verl's padding is no rollout"),
        (rows("p_0_0", "p_1_0", "p_2_0", "q_0_0", "q_1_0"), 0, "a prompt with more rollouts makes up for no other"),
        (rows("p_0_0", "p_1_0", "p_2_0", "q_0_0"), 1, "the same"),
    ],
)
def test_rollouts_that_verl_dropped_are_counted(found, missing, why):
    assert missing_rollouts(found, prompts=2, per_prompt=2) == missing, why


def test_a_dropped_rollout_is_a_metric_and_a_line_in_the_log(queue, trainer, make_record, caplog):
    add(queue, "p_0_0", make_record(answer=1.0))
    one = trainer()
    one.config.actor_rollout_ref.rollout.n = 3
    add(queue, "p_2_0", make_record())
    metrics = metrics_of_step(one, batch_of(queue, list(queue.rows)))
    assert metrics["mrpo/rollouts_missing_total"] == 1
    assert "1 rollouts of this batch are missing" in caplog.text


def test_only_one_module_reads_transfer_queue():
    """verl-project/verl#7415 replaces it."""
    readers = []
    for folder in ("recipe", "reward_fns", "data_preprocess"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] == "transfer_queue" for name in names):
                    readers.append(str(file.relative_to(ROOT)))
    assert readers == ["recipe/mrpo/wiring/rollout_data.py"]
