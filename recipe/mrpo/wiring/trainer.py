"""The trainer mixin: brings step labels to the estimator, metrics to the logger, steps to the dumps."""

from __future__ import annotations

import json
import logging
from collections import Counter
from types import ModuleType
from typing import Any

import transfer_queue as tq

from recipe.mrpo.judge.when_to_stop import budget_report, failure_report
from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.startup.prepare import prepare, uses_mrpo
from recipe.mrpo.startup.verl_settings import AGENT_LOOP, ONE_RESPONSE, REWARD_MANAGER
from recipe.mrpo.wiring.correlation import CORRELATION, check_correlation
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit
from recipe.mrpo.wiring.step_metrics import cost, judge_tokens, step_metrics

logger = logging.getLogger(__name__)


class JudgeUnavailable(RuntimeError):
    """Too many judgements failed, or the judge's budget is spent; the message names the option."""


class StepCreditMixin:
    """Over each of verl's v1 trainers; every method does nothing of its own in a run that is not ours."""

    def __init__(self, config, *args, **kwargs):
        prepare(config)  # again, for callers that build a trainer without verl's `main_ppo`
        self._mrpo = uses_mrpo(config) and config.reward.reward_manager.name == REWARD_MANAGER
        self._mrpo_kept: dict[str, dict[str, Any]] = {}  # columns of this step's rows, until they are dumped
        self._mrpo_dumping: dict[str, dict[str, Any]] = {}  # the same while training rows are dumped, not validation's
        self._mrpo_credits: list[StepCredit] = []  # of this step, one for each update
        self._mrpo_judge_tokens: Counter[str] = Counter()  # since this process began
        super().__init__(config, *args, **kwargs)

    def step(self, metrics, timing_raw):
        self._mrpo_credits = []
        batch = super().step(metrics, timing_raw)
        if self._mrpo:
            # Here and not in each update, whose metrics verl combines by their names.
            options = self.config.mrpo
            metrics.update(step_metrics(self._mrpo_credits, options))
            metrics["mrpo/judge/tokens_of_run"] = float(self._mrpo_judge_tokens.total())
            if (spent := cost(self._mrpo_judge_tokens, options)) is not None:
                metrics["mrpo/judge/cost_of_run"] = spent
            self._mrpo_credits = []
        return batch

    def _compute_old_log_prob(self, batch, metrics):
        batch = super()._compute_old_log_prob(batch, metrics)
        if self._mrpo:
            guards = self.config.mrpo.guards
            check_correlation(
                metrics.get(CORRELATION), minimum=guards.min_probs_correlation, action=guards.on_low_correlation
            )
        return batch

    def _compute_advantage(self, batch, metrics):
        if not self._mrpo:
            return super()._compute_advantage(batch, metrics)
        credit = StepCredit(
            records=self._records(batch),
            options=self.config.mrpo,
            norm_by_std=self.config.algorithm.get("norm_adv_by_std_in_grpo", True),
            use_kl_in_reward=self.config.algorithm.use_kl_in_reward,
        )
        token = CREDIT.set(credit)
        try:
            batch = super()._compute_advantage(batch, metrics)
        finally:
            CREDIT.reset(token)
        self._mrpo_credits.append(credit)
        self._mrpo_judge_tokens += judge_tokens(r for r in credit.records if r is not None)
        self._stop_if_judge_is_down(credit.records)
        if self.config.trainer.get("rollout_data_dir"):
            self._keep_for_dump(batch, credit)
        return batch

    def _stop_if_judge_is_down(self, records: list[RolloutRecord | None]) -> None:
        judge = self.config.mrpo.judge
        asked = [r for r in records if r is not None and r.steps and not r.judge_status.startswith("skipped")]
        failures = Counter(r.judge_status.partition(":")[2] for r in asked if r.judge_failed)
        used = self._mrpo_judge_tokens
        limits = {"max_tokens": judge.max_tokens, "max_cost": judge.max_cost}
        report = budget_report(used.total(), cost(used, self.config.mrpo), failures, **limits)
        report = report or failure_report(failures, len(asked), max_failure_rate=judge.max_failure_rate)
        if report:
            raise JudgeUnavailable(report)

    @staticmethod
    def _records(batch) -> list[RolloutRecord | None]:
        """Records in row order (`batch.keys`); None for verl's padding rows, which copy the fields of a real one."""
        later = [key for key in batch.keys if key.rsplit("_", 1)[-1] != "0"]
        if later:
            raise RuntimeError(
                f"{len(later)} rows are later outputs of a multi-output agent loop (first: {later[0]}); MRPO credits "
                "the steps of one response: use verl's single-turn agent loop (actor_rollout_ref.rollout.agent."
                "default_agent_loop=single_turn_agent)."
            )
        fields = ["extra_fields", "num_turns"]
        rows = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        turns = max(rows.pop("num_turns").tolist())
        if turns > 2:  # question and response; more is the work of an agent loop that the start could not see
            raise RuntimeError(
                f"a rollout of this batch has {turns} turns: {ONE_RESPONSE}; leave the column agent_name out of the "
                f"data, or set it to {AGENT_LOOP}."
            )
        extra = rows.pop("extra_fields").tolist()
        records = [
            None
            if tag.get("is_padding", False)
            else RolloutRecord.from_extra_info((row or {}).get("reward_extra_info"))
            for row, tag in zip(extra, batch.tags, strict=True)
        ]
        if not any(records):
            raise RuntimeError(
                "no rollout of this batch carries step labels: the rewards did not come from MRPO's reward manager; "
                "set reward.reward_manager.name=mrpo."
            )
        return records

    def _keep_for_dump(self, batch, credit: StepCredit) -> None:
        """Remember each row's record and the advantages that the actor will be given, whichever estimator made them."""
        rows = tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=["advantages", "response_mask"]
        )
        cuts = tuple(self.config.mrpo.metrics.stage_cuts.values())
        for i, (key, record) in enumerate(zip(batch.keys, credit.records, strict=True)):
            if record is not None:
                info = record.to_extra_info(stage_cuts=cuts)
                per_token = rows["advantages"][i].tolist()
                self._mrpo_kept[key] = info | advantage_columns(record, per_token, rows["response_mask"][i].tolist())

    def _log_rollout_data(self, batch, timing_raw, rollout_data_dir):
        self._mrpo_dumping = self._mrpo_kept
        try:
            return super()._log_rollout_data(batch, timing_raw, rollout_data_dir)
        finally:
            self._mrpo_kept, self._mrpo_dumping = {}, {}

    def _dump_generations(self, inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path):
        if self._mrpo:
            reward_extra_infos_dict = dump_columns(reward_extra_infos_dict, self._mrpo_dumping)
        return super()._dump_generations(inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path)


def advantage_columns(record: RolloutRecord, advantages: list[float], mask: list[int]) -> dict[str, Any]:
    """What a dump says of a row's token advantages: A of the tokens outside every step, and of each step.

    A step without a token of its own has None; so has the outside when every token belongs to a step.
    """
    inside = {t for t0, t1 in record.spans for t in range(t0, t1)}
    outside = [a for t, (a, m) in enumerate(zip(advantages, mask, strict=True)) if m and t not in inside]
    steps = [advantages[t0] if t0 < min(t1, len(advantages)) else None for t0, t1 in record.spans]
    return {"advantage": outside[-1] if outside else None, "step_advantages": steps}


def dump_columns(columns: dict[str, list], kept: dict[str, dict[str, Any]]) -> dict[str, list]:
    """Columns of a JSONL dump with the record unfolded into `mrpo` and, for training rows, its advantages beside it."""
    columns = dict(columns)
    uids = columns.get("uid", [])
    if kept:
        names = list(dict.fromkeys(name for info in kept.values() for name in info))
        columns |= {name: [kept.get(uid, {}).get(name) for uid in uids] for name in names}
    if RECORD_KEY in columns:
        texts = columns.pop(RECORD_KEY)
        records = [None if text is None else json.loads(text) for text in texts]
        for name in ("advantage", "step_advantages"):
            values = columns.pop(name, None)
            for record, value in zip(records, values or (), strict=False):
                if record is not None:
                    record[name] = value
        columns["mrpo"] = records
    return columns


def mix_into_trainers(module: ModuleType) -> None:
    """Put StepCreditMixin over every trainer that verl has registered, under the same names.

    `register_trainer` refuses a second class for a name, and new names would not do: verl compares
    `trainer.v1.trainer_mode` with the literal "sync". So the registry's own dict is written (verl 0.9.1).

    Raises RuntimeError if a method that the mixin extends is gone.
    """
    registry = module.trainer_base.TRAINER_REGISTRY
    for name, cls in list(registry.items()):
        if issubclass(cls, StepCreditMixin):
            continue
        lost = [m for m in vars(StepCreditMixin) if m in _EXTENDED and not hasattr(cls, m)]
        if lost:
            raise RuntimeError(
                f"verl's trainer {cls.__name__} has no {', '.join(lost)}; MRPO 0.1 was made for verl 0.9.1."
            )
        registry[name] = type(f"StepCredit{cls.__name__}", (StepCreditMixin, cls), {"__module__": __name__})


_EXTENDED = ("step", "_compute_old_log_prob", "_compute_advantage", "_log_rollout_data", "_dump_generations")
