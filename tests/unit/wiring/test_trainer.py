"""The trainer mixin over verl's real trainers, on a TransferQueue that is a dictionary in this process."""

from __future__ import annotations

import json
import types
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf
from tensordict import TensorDict
from tensordict.tensorclass import NonTensorStack

from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.wiring.step_metrics import step_metrics

CUTS = (1 / 3, 2 / 3)


class FakeQueue:
    """`kv_batch_get` and `kv_batch_put` with the shapes that TransferQueue gives: jagged tensors, stacks of objects."""

    def __init__(self):
        self.rows: dict[str, dict] = {}
        self.tags: dict[str, dict] = {}

    def get(self, keys, partition_id=None, select_fields=None):
        names = select_fields or list(self.rows[keys[0]])
        out = TensorDict({}, batch_size=len(keys))
        for name in names:
            values = [self.rows[key][name] for key in keys if name in self.rows[key]]
            if not values:
                continue  # TransferQueue leaves out a field that no row has
            if isinstance(values[0], torch.Tensor):
                out[name] = torch.nested.as_nested_tensor(values, layout=torch.jagged)
            else:
                out[name] = NonTensorStack(*values)
        return out

    def put(self, keys, partition_id=None, fields=None, tags=None):
        if fields is not None:
            columns = {name: fields[name] for name in fields.keys()}  # noqa: SIM118 - a TensorDict iterates over rows
            for i, key in enumerate(keys):
                row = self.rows.setdefault(key, {})
                row |= {n: c[i] if isinstance(c, torch.Tensor) else fields[i][n] for n, c in columns.items()}
        for key, tag in zip(keys, tags or (), strict=bool(tags)):
            self.tags[key] = tag
        return batch_of(self, keys)


def batch_of(queue, keys):
    from transfer_queue import KVBatchMeta

    return KVBatchMeta(partition_id="train", keys=list(keys), tags=[queue.tags.get(key, {}) for key in keys])


@pytest.fixture
def queue(verl, monkeypatch):
    import transfer_queue

    fake = FakeQueue()
    monkeypatch.setattr(transfer_queue, "kv_batch_get", fake.get)
    monkeypatch.setattr(transfer_queue, "kv_batch_put", fake.put)
    return fake


def add(queue, key, record, *, tokens=12, info=None, turns=2):
    """A rollout as verl's agent loop leaves it in the queue."""
    scores = torch.zeros(tokens)
    if record is not None:
        scores[-1] = record.total
        info = record.to_extra_info(stage_cuts=CUTS)
    queue.rows[key] = {
        "uid": key.rsplit("_", 2)[0],
        "session_id": int(key.rsplit("_", 2)[1]),
        "prompts": torch.arange(4),
        "responses": torch.arange(tokens),
        "response_mask": torch.ones(tokens, dtype=torch.int64),
        "rm_scores": scores,
        "rollout_log_probs": torch.full((tokens,), -1.0),
        "old_log_probs": torch.full((tokens,), -1.0),
        "reward_model": {"style": "rule", "ground_truth": "yes"},
        "num_turns": turns,
        "extra_fields": {"reward_extra_info": info, "global_steps": 1},
    }
    queue.tags[key] = {"seq_len": 4 + tokens, "global_steps": 1}


class Words:
    """Stands for the tokenizer where verl decodes rows for a dump."""

    pad_token_id = 0

    def decode(self, ids, skip_special_tokens):
        return " ".join(map(str, ids.tolist()))


@pytest.fixture
def trainer(verl, compose, options, monkeypatch, tmp_path):
    """trainer(estimator, mode="sync"): verl's trainer with the mixin, without the parts that need Ray."""

    def make(estimator="mrpo", mode="sync", mrpo=True, **changed):
        config = compose("ppo_trainer", f"algorithm.adv_estimator={estimator}", "actor_rollout_ref.rollout.name=vllm",
                         "actor_rollout_ref.rollout.n=2", "data.train_files=hdfs://host/absent.parquet")  # fmt: skip
        config.trainer.rollout_data_dir = str(tmp_path / "train")
        if mrpo:
            OmegaConf.set_struct(config, False)
            config.mrpo = options(**changed)
            config.reward.reward_manager.name = "mrpo"
        cls = verl.trainer_base.TRAINER_REGISTRY[mode]

        def init(self, config):
            self.config, self.tokenizer, self.global_steps = config, Words(), 3

        monkeypatch.setattr(stock_class(verl, mode), "__init__", init)
        one = cls(config)
        one._init_dump_executor()
        return one

    return make


def stock_class(verl, mode="sync"):
    """verl's own class below the mixin."""
    return verl.trainer_base.TRAINER_REGISTRY[mode].__mro__[2]


def metrics_of_step(one, *batches) -> dict[str, float]:
    """What verl's real `step` reports of a step with one update for each batch."""
    given, metrics = iter(batches), {}
    one.parameter_sync_step = one.config.data.train_batch_size = len(batches)
    one.prepare_step = dict
    one._step_once = lambda update, timing_raw, size: one._compute_advantage(next(given), update)
    one.step(metrics, {})
    return metrics


def rows_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


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
    "method", ["step", "_compute_old_log_prob", "_compute_advantage", "_log_rollout_data", "_dump_generations"]
)
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
    assert calling - {"__init__"} == set(trainer._EXTENDED)


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_a_trainer_is_prepared_before_verl_builds_it(verl, compose, monkeypatch, mode):
    """For programs that build a trainer without main_ppo."""
    from recipe.mrpo.options.tree import OptionError

    config = compose("ppo_trainer", "algorithm.adv_estimator=mrpo", "actor_rollout_ref.rollout.name=vllm")
    with pytest.raises(OptionError, match=r"actor_rollout_ref\.rollout\.n"):
        verl.trainer_base.get_trainer_cls(mode)(config=config)


# --- records


def test_records_come_in_row_order_and_padding_rows_have_none(verl, queue, trainer, make_record):
    from verl.trainer.ppo import padding_utils

    records = [make_record(answer=a) for a in (0.0, 0.5, 1.0)]
    for i, record in enumerate(records):
        add(queue, f"q_{i}_0", record)
    batch = padding_utils.upsample_batch_to_divisible_size(batch_of(queue, ["q_2_0", "q_0_0", "q_1_0"]), 4, 0)
    assert len(batch) == 4  # verl's real padding row, which copies the fields of the first one
    batch.reorder([1, 3, 0, 2])
    assert trainer()._records(batch) == [records[0], None, records[2], records[1]]


@pytest.mark.parametrize("info", [None, {}, {"acc": 1.0}], ids=["no info", "empty info", "another reward manager"])
def test_a_row_without_a_record_has_none(queue, trainer, make_record, info):
    add(queue, "q_0_0", None, info=info)
    add(queue, "q_1_0", make_record())
    assert trainer()._records(batch_of(queue, ["q_0_0", "q_1_0"])) == [None, make_record()]


def test_later_outputs_of_one_rollout_are_refused(queue, trainer, make_record):
    for key in ("q_0_0", "q_0_1", "q_1_0"):
        add(queue, key, make_record())
    with pytest.raises(RuntimeError, match=r"1 rows .*q_0_1.*default_agent_loop=single_turn_agent"):
        trainer()._records(batch_of(queue, list(queue.rows)))


@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo"])
def test_tool_turns_stop_the_run_at_its_first_batch(queue, trainer, make_record, estimator):
    """As verl's tool_agent leaves them, which rows of a file that verl fetches itself may ask for."""
    add(queue, "q_0_0", make_record())
    add(queue, "q_1_0", make_record(), turns=4)
    with pytest.raises(RuntimeError, match=r"has 4 turns.*agent_name.*single_turn_agent"):
        trainer(estimator)._compute_advantage(batch_of(queue, list(queue.rows)), {})


def test_a_stock_run_never_looks_for_records(verl, queue, trainer, make_record, monkeypatch):
    one = trainer("grpo", mrpo=False)
    monkeypatch.setattr(type(one), "_records", lambda self, batch: pytest.fail("looked for records"))
    for key, answer in (("q_0_1", 1.0), ("q_1_1", 0.0)):  # multi-output loops stay possible there
        add(queue, key, make_record(answer=answer))
    metrics = metrics_of_step(one, batch_of(queue, ["q_0_1", "q_1_1"]))
    assert not [name for name in metrics if name.startswith("mrpo/")]
    assert queue.rows["q_0_1"]["advantages"][0] > 0


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
    from recipe.mrpo.wiring.trainer import JudgeUnavailable

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


# --- metrics


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
    from recipe.mrpo.wiring.estimators import StepCredit

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
        "wrong_answers": 0.5, "steps_per_rollout": 14 / 6, "rollouts_with_2_steps": 5 / 6, "valid_steps": 3 / 5,
        "unaligned_steps": 0.0, "no_invalid_step": 0.5, "ffp": 0.5, "far": 1.0,
        "ffp/early": 0.0, "ffp/mid": 1.0, "ffp/late": 0.0,
        "judge/calls_total": 6.0, "judge/failures_total": 1.0, "judge/failure_share": 1 / 3,
        "judge/skipped_total": 2.0, "judge/skipped_by_option_total": 1.0,
        "judge/cached_total": 1.0, "judge/cache_faults_total": 2.0, "judge/estimated_calls_total": 3.0,
        "judge/retries_total": 3.0, "judge/fallbacks_total": 1.0, "judge/agreement": 0.5,
        "judge/latency_s": (0.5 + 2.0 + 4.0) / 3, "rows_without_record_total": 1.0,
    }  # fmt: skip
    assert {name: got[f"mrpo/{name}"] for name in expected} == pytest.approx(expected)


def test_a_mean_over_nothing_is_left_out(make_record, options):
    from recipe.mrpo.wiring.estimators import StepCredit

    failed = StepCredit([make_record(labels=None)], options(), norm_by_std=True, use_kl_in_reward=False)
    got = step_metrics([failed], options())
    assert not {"mrpo/reward/process", "mrpo/valid_steps", "mrpo/ffp", "mrpo/far", "mrpo/ffp/early"} & set(got)
    empty = StepCredit([None], options(), norm_by_std=True, use_kl_in_reward=False)
    nothing = step_metrics([empty], options())
    assert nothing["mrpo/rows_without_record_total"] == 1 and "mrpo/wrong_answers" not in nothing


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


# --- dumps


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
    from recipe.mrpo.wiring.trainer import advantage_columns

    record = make_record(labels=[1, 0], spans=[(1, 3), (3, 3)])  # the second step has no token of its own
    got = advantage_columns(record, [5.0, 1.0, 1.0, 5.0, 0.0], [1, 1, 1, 1, 0])
    assert got == {"advantage": 5.0, "step_advantages": [1.0, None]}
    everywhere = make_record(labels=[1], spans=[(0, 2)])
    assert advantage_columns(everywhere, [1.0, 1.0], [1, 1]) == {"advantage": None, "step_advantages": [1.0]}
    cut = make_record(labels=[1, 0], spans=[(0, 2), (4, 6)])  # verl cut the response before the second step
    assert advantage_columns(cut, [1.0, 1.0, 2.0], [1, 1, 1]) == {"advantage": 2.0, "step_advantages": [1.0, None]}


def test_dump_columns_leave_rows_without_a_record_empty(make_record):
    from recipe.mrpo.wiring.trainer import dump_columns

    text = make_record().to_extra_info(stage_cuts=CUTS)[RECORD_KEY]
    given = {"uid": ["a", "b"], RECORD_KEY: [text, None], "acc": [1.0, None]}
    got = dump_columns(given, {})
    assert got["mrpo"][1] is None and got["mrpo"][0]["steps"] == make_record().steps
    assert got["acc"] == [1.0, None]
    assert given.keys() == {"uid", RECORD_KEY, "acc"}  # the caller's columns stay as they were
    assert RolloutRecord.from_extra_info({RECORD_KEY: text}) == make_record()
