"""The trainer mixin over verl's real trainers, on a TransferQueue that is a dictionary in this process."""

from __future__ import annotations

import types

import pytest
import torch
from omegaconf import OmegaConf

from .trainer_run import add, batch_of, metrics_of_step, stock_class

# --- the registry


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_every_mode_keeps_its_name_and_gets_the_mixin_once(verl, mode):
    from recipe.mrpo.wiring.trainer import StepCreditMixin, mix_into_trainers

    cls = verl.trainer_base.get_trainer_cls(mode)
    assert cls.__mro__.count(StepCreditMixin) == 1
    assert issubclass(cls, verl.trainer_base.PPOTrainer)
    mix_into_trainers(types.SimpleNamespace(trainer_base=verl.trainer_base))
    assert verl.trainer_base.get_trainer_cls(mode) is cls
    assert set(verl.trainer_base.TRAINER_REGISTRY) == {"sync", "colocate_async", "separate_async"}


@pytest.mark.parametrize(
    "method",
    [
        "_init_dataloader",
        "step",
        "_consume_sync_metrics",
        "_compute_old_log_prob",
        "_compute_advantage",
        "_log_rollout_data",
        "_dump_generations",
    ],
)  # fmt: skip
def test_a_method_that_is_gone_is_a_loud_error(verl, method):
    from recipe.mrpo.wiring.trainer import StepCreditMixin, mix_into_trainers

    assert method in vars(StepCreditMixin)
    kept = {n: f for c in reversed(stock_class(verl).__mro__[:-1]) for n, f in vars(c).items() if n != method}
    lost = type("FuturePPOTrainer", (), {n: f for n, f in kept.items() if n not in ("__dict__", "__weakref__")})
    module = types.SimpleNamespace(trainer_base=types.SimpleNamespace(TRAINER_REGISTRY={"sync": lost}))
    with pytest.raises(RuntimeError, match=rf"FuturePPOTrainer has no {method}; .*verl 0\.9\.1"):
        mix_into_trainers(module)


def test_every_method_of_the_mixin_that_calls_verls_is_checked():
    from recipe.mrpo.wiring import trainer

    methods = {name: f for name, f in vars(trainer.StepCreditMixin).items() if isinstance(f, types.FunctionType)}
    calling = {name for name, f in methods.items() if "super" in f.__code__.co_names}
    assert calling - {"__init__"} == set(trainer.EXTENDED)


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_a_trainer_is_prepared_before_verl_builds_it(verl, compose, monkeypatch, mode):
    """For programs that build a trainer without main_ppo."""
    from recipe.mrpo.options.tree import OptionError

    config = compose("ppo_trainer", "algorithm.adv_estimator=mrpo", "actor_rollout_ref.rollout.name=vllm")
    with pytest.raises(OptionError, match=r"actor_rollout_ref\.rollout\.n"):
        verl.trainer_base.get_trainer_cls(mode)(config=config)


# --- advantages through verl's real `_compute_advantage`


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_steps_get_their_own_advantage_in_every_mode(queue, trainer, make_record, mode):
    good, bad = make_record(answer=1.0, labels=[1, 1]), make_record(answer=0.0, labels=[0, 1, 1])
    add(queue, "q_0_0", good, tokens=7)
    add(queue, "q_1_0", bad, tokens=12)
    metrics = metrics_of_step(trainer(mode=mode), batch_of(queue, ["q_1_0", "q_0_0"]))
    first, second = queue.rows["q_1_0"]["advantages"], queue.rows["q_0_0"]["advantages"]
    assert len(first) == 12 and len(second) == 7  # jagged, as they came
    assert second.unique().numel() == 1 and second[0] > 0
    assert first[1] == pytest.approx(first[0].item() * 2.718281828) and first[0] < 0  # first step, invalid: e times
    assert (first[3:7] == -first[0]).all()  # two valid steps
    assert (first[7:] == first[0]).all()
    assert metrics["mrpo/wrong_answers"] == 0.5
    assert metrics["mrpo/tokens/up"] == pytest.approx(4 / 19)
    assert metrics["mrpo/tokens/down"] == pytest.approx(2 / 19)
    assert metrics["mrpo/tokens/unchanged"] == pytest.approx(13 / 19)


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo"])
def test_no_labels_stay_behind_after_a_computation(queue, trainer, make_record, monkeypatch, verl, estimator):
    from recipe.mrpo.wiring.estimators import CREDIT

    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record())
    batch = batch_of(queue, list(queue.rows))
    trainer(estimator)._compute_advantage(batch, {})
    assert CREDIT.get() is None
    monkeypatch.setattr(verl.trainer_base, "compute_advantage_for_multi_trajectories", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trainer(estimator)._compute_advantage(batch, {})
    assert CREDIT.get() is None


def test_gdpo_runs_in_verls_v1_trainer_where_the_stock_one_fails(queue, trainer, make_record):
    add(queue, "q_0_0", make_record(answer=1.0))
    add(queue, "q_1_0", make_record(answer=0.0))
    batch = batch_of(queue, list(queue.rows))
    stock = trainer("gdpo", mrpo=False)
    OmegaConf.update(stock.config, "algorithm.gdpo_reward_keys", ["acc"], force_add=True)
    with pytest.raises(KeyError, match="prompts"):
        stock._compute_advantage(batch, {})
    trainer("gdpo")._compute_advantage(batch, {})
    assert queue.rows["q_0_0"]["advantages"][0] > 0 > queue.rows["q_1_0"]["advantages"][0]


def test_a_failed_judgement_goes_through_with_its_counts(queue, trainer, make_record):
    records = {
        "q_0_0": make_record(answer=1.0),
        "q_1_0": make_record(labels=[0, 1, 1]),
        "q_2_0": make_record(labels=None),
    }
    for key, record in records.items():
        add(queue, key, record)
    metrics = metrics_of_step(trainer(), batch_of(queue, list(records)))
    assert all(torch.isfinite(row["advantages"]).all() for row in queue.rows.values())
    assert queue.rows["q_2_0"]["advantages"].unique().numel() == 1
    assert metrics["mrpo/judge/failures_total"] == 1 and metrics["mrpo/judge/calls_total"] == 3
    known = [records[k].rewards["process"] for k in ("q_0_0", "q_1_0")]
    assert metrics["mrpo/reward/process"] == pytest.approx(sum(known) / 2)


# --- the guard on probabilities


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_a_mismatch_of_probabilities_stops_the_run_when_asked_to(verl, queue, trainer, monkeypatch, mode):
    from recipe.mrpo.wiring.correlation import CORRELATION, RolloutMismatch

    def measured(self, batch, metrics):
        metrics[CORRELATION] = 0.86
        return batch

    monkeypatch.setattr(stock_class(verl, mode), "_compute_old_log_prob", measured)
    trainer(mode=mode)._compute_old_log_prob("batch", {})  # warns
    with pytest.raises(RolloutMismatch, match="load_format=auto"):
        trainer(mode=mode, **{"guards.on_low_correlation": "stop"})._compute_old_log_prob("batch", {})
    assert trainer("grpo", mode, mrpo=False)._compute_old_log_prob("batch", {}) == "batch"
