"""Denominators of a validation: verl counts a crashed rollout as wrong and leaves it out of every other mean."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from omegaconf import OmegaConf
from rich.console import Console

from recipe.mrpo.report.terminal import denominators, validation_table
from recipe.mrpo.wiring.validation_counts import validation_counts
from tests.unit.wiring.trainer_run import add, batch_of

SOURCES = ["vqa-rad", "vqa-rad", "slake"]


@pytest.fixture
def validate(queue, trainer, monkeypatch):
    """validate(records): verl's own `_validate` of three prompts, two rollouts each; None: one that crashed."""
    import transfer_queue

    monkeypatch.setattr(transfer_queue, "kv_clear", lambda keys, partition_id: None)

    def run(records) -> dict[str, float]:
        one = trainer(**{"guards.max_reward_error_rate": 1.0})
        OmegaConf.set_struct(one.config, False)
        one.config.actor_rollout_ref.rollout.val_kwargs.n = 2
        one.global_steps, uids = 0, []

        def generate(batch):
            uids.extend(batch["uid"].tolist() if hasattr(batch["uid"], "tolist") else list(batch["uid"]))
            for place, record in enumerate(records):
                if record is not None:
                    key = f"{uids[place // 2]}_{place % 2}_0"
                    add(queue, key, record)
                    queue.rows[key]["data_source"] = SOURCES[place // 2]

        def sample(**_):
            return batch_of(queue, [key for key in queue.rows if key.endswith("_0")]), None

        one.agent_loop_manager = SimpleNamespace(generate_sequences=generate)
        one.replay_buffer = SimpleNamespace(sample=sample)
        one.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=[object()])
        prompts = np.empty(3, dtype=object)
        prompts[:] = [[{"role": "user", "content": "?"}]] * 3
        one.val_dataloader = [{"raw_prompt": prompts, "data_source": np.array(SOURCES, dtype=object)}]
        return one._validate()

    return run


def printed(steps) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(validation_table(steps))
    return console.file.getvalue()


def test_both_denominators_are_counted_and_shown_where_a_rollout_crashed(validate, make_record):
    right, wrong = make_record(answer=1.0), make_record(answer=0.0)
    metrics = validate([right, None, right, wrong, right, right])
    # verl: three answers and a crash that counts as wrong. Of the reward, only the prompt that came back whole is in
    # mean@2; the other one is in mean@1.
    assert metrics["val-core/vqa-rad/acc/mean@2"] == 0.5
    rewards = [metrics[f"val-aux/vqa-rad/answer_reward/mean@{n}"] for n in (1, 2)]
    assert rewards == [1.0, 0.5]
    counts = {name: value for name, value in metrics.items() if name.startswith("mrpo/val/vqa-rad/")}
    assert counts == {
        "mrpo/val/vqa-rad/rollouts_total": 4.0,
        "mrpo/val/vqa-rad/crashed_total": 1.0,
        "mrpo/val/vqa-rad/unknown_answer_total": 0.0,
    }
    assert metrics["mrpo/val/slake/crashed_total"] == 0.0
    assert denominators(metrics, "vqa-rad") == {"rollouts in acc": 4, "rollouts in the others": 3, "crashed": 1}
    shown = [" ".join(line.split()) for line in printed({0: metrics}).splitlines()]
    for cells in ("answer_reward │ 0.5", "rollouts in acc │ 4", "rollouts in the others │ 3", "crashed │ 1"):
        assert any(line.startswith(f"│ vqa-rad: {cells}") for line in shown), shown


def test_an_unknown_answer_is_left_out_of_accuracy_and_told(validate, make_record):
    right = make_record(answer=1.0)
    unknown = make_record(wrong=None, errors={"answer": "KeyError"}, rewards={"answer": None})
    metrics = validate([right, unknown, right, right, right, right])
    assert metrics["val-core/vqa-rad/acc/mean@2"] == 1.0
    assert denominators(metrics, "vqa-rad") == {"rollouts in acc": 3, "rollouts in the others": 4, "crashed": 0}


def test_a_source_of_which_every_rollout_crashed_has_no_accuracy_and_says_why(validate, make_record):
    right = make_record(answer=1.0)
    metrics = validate([right, right, right, right, None, None])
    assert not any(name.startswith("val-core/slake/") for name in metrics)
    assert metrics["mrpo/val/slake/crashed_total"] == metrics["mrpo/val/slake/rollouts_total"] == 2.0


def test_counts_are_those_of_each_source_and_prompt():
    asked = {("a", "1"): 2, ("a", "2"): 2, ("b", "3"): 1}
    counts = validation_counts(asked, ["a", "a", "a"], ["1", "1", "2"], [False, True, False])
    assert [counts[f"mrpo/val/a/{name}"] for name in ("rollouts_total", "crashed_total", "unknown_answer_total")] == [
        4, 1, 1,
    ]  # fmt: skip
    assert counts["mrpo/val/b/crashed_total"] == 1.0
    assert validation_counts({}, [], [], []) == {}


def test_a_run_without_counts_shows_none():
    assert denominators({"val-core/vqa-rad/acc/mean@1": 0.5}, "vqa-rad") == {}
    assert "rollouts" not in printed({0: {"val-core/vqa-rad/acc/mean@1": 0.5}})
