"""The trainer mixin: brings step labels to the estimator, metrics to the logger, steps to the dumps."""

from __future__ import annotations

import logging
from collections import Counter
from types import ModuleType
from typing import Any

from omegaconf import DictConfig

from recipe.mrpo.common.environment import on_cpu
from recipe.mrpo.hooks import MADE_FOR
from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.startup.prepare import prepare, uses_mrpo
from recipe.mrpo.startup.verl_settings import REWARD_MANAGER
from recipe.mrpo.wiring.correlation import check_step
from recipe.mrpo.wiring.dropped_rows import rows_too_long
from recipe.mrpo.wiring.dumps import dump_columns, training_columns
from recipe.mrpo.wiring.estimators import CREDIT, StepCredit
from recipe.mrpo.wiring.lost_steps import lost_steps_warning
from recipe.mrpo.wiring.rollout_data import Batch, missing_rollouts, read_rollouts, read_token_columns, records_of
from recipe.mrpo.wiring.step_metrics import cost, judge_tokens, step_metrics
from recipe.mrpo.wiring.stops import stop_if_judge_failed, stop_if_scoring_failed
from recipe.mrpo.wiring.unjudged import (
    MarkedBatches,
    known_totals,
    mark_groups,
    unjudged_counts,
    validation_is_left_out,
)
from recipe.mrpo.wiring.validation_counts import validation_counts

logger = logging.getLogger(__name__)


class StepCreditMixin:
    """Over each of verl's v1 trainers; every method only calls verl's in a run that is not ours."""

    config: DictConfig
    global_steps: int
    total_training_steps: int
    val_dataloader: Any

    def __init__(self, config: DictConfig, *args: Any, **kwargs: Any) -> None:
        prepare(config)  # again, for callers that build a trainer without verl's `main_ppo`
        self._mrpo = uses_mrpo(config) and config.reward.reward_manager.name == REWARD_MANAGER
        self._mrpo_kept: dict[str, dict[str, Any]] = {}  # columns of this step's rows, until they are dumped
        self._mrpo_dumping: dict[str, dict[str, Any]] = {}  # the same while training rows are dumped, not validation's
        self._mrpo_credits: list[StepCredit] = []  # of this step, one for each update
        self._mrpo_judge_tokens: Counter[str] = Counter()  # since this process began
        self._mrpo_rows_too_long: int | None = None
        self._mrpo_told_of_lost_steps = False
        super().__init__(config, *args, **kwargs)

    def _init_dataloader(self, *args: Any, **kwargs: Any) -> Any:
        out = super()._init_dataloader(*args, **kwargs)  # type: ignore[misc]
        if self._mrpo:
            self._mrpo_rows_too_long = rows_too_long(self.config.data, getattr(self, "train_dataset", None))
            if self._mrpo_rows_too_long:
                logger.warning(
                    "MRPO: verl leaves out %d rows of data.train_files because their prompts are longer than "
                    "data.max_prompt_length=%s tokens.", self._mrpo_rows_too_long, self.config.data.max_prompt_length,
                )  # fmt: skip
        return out

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, float], *args: Any, **kwargs: Any) -> Batch:
        self._mrpo_credits = []
        batch = super().step(metrics, timing_raw, *args, **kwargs)  # type: ignore[misc]
        if self._mrpo:
            # Here and not in each update, whose metrics verl combines by their names.
            options = self.config.mrpo
            metrics.update(step_metrics(self._mrpo_credits, options))
            self._mrpo_warn_of_lost_steps()
            metrics["mrpo/judge/tokens_of_run"] = float(self._mrpo_judge_tokens.total())
            if (spent := cost(self._mrpo_judge_tokens, options)) is not None:
                metrics["mrpo/judge/cost_of_run"] = spent
            if self._mrpo_rows_too_long is not None:
                metrics["mrpo/data/rows_too_long_total"] = float(self._mrpo_rows_too_long)
            self._mrpo_credits = []
        return batch

    def _consume_sync_metrics(self) -> dict[str, Any]:
        metrics = super()._consume_sync_metrics()  # type: ignore[misc]
        # Called right after a checkpoint is saved; a callback of a user need not have metrics.
        told = getattr(getattr(self, "checkpoint_callback", None), "metrics", None)
        return {**metrics, **told()} if self._mrpo and callable(told) else metrics

    def _mrpo_warn_of_lost_steps(self) -> None:
        """Once a run, at the first step in which most rollouts have no steps."""
        records = [record for credit in self._mrpo_credits for record in credit.records if record is not None]
        warning = lost_steps_warning(records, max_response_length=self.config.data.max_response_length)
        if warning is not None and not self._mrpo_told_of_lost_steps:
            self._mrpo_told_of_lost_steps = True
            logger.warning("%s", warning)

    def _compute_old_log_prob(self, batch: Batch, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> Batch:
        batch = super()._compute_old_log_prob(batch, metrics, *args, **kwargs)  # type: ignore[misc]
        if self._mrpo:
            check_step(metrics, self.config, on_cpu=on_cpu())
        return batch

    def _compute_advantage(self, batch: Batch, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> Batch:
        if not self._mrpo:
            return super()._compute_advantage(batch, metrics, *args, **kwargs)  # type: ignore[misc]
        rows = read_rollouts(batch)
        credit = StepCredit(
            records=records_of(rows),
            options=self.config.mrpo,
            norm_by_std=self.config.algorithm.get("norm_adv_by_std_in_grpo", True),
            use_kl_in_reward=self.config.algorithm.use_kl_in_reward,
            rows=rows,
            rollouts_missing=missing_rollouts(
                rows,
                prompts=self.config.data.train_batch_size // getattr(self, "parameter_sync_step", 1),
                per_prompt=self.config.actor_rollout_ref.rollout.n,
            ),
        )
        known = [record for record in credit.records if record is not None]
        stop_if_scoring_failed(known, self.config.mrpo)
        if credit.rollouts_missing:
            logger.warning(
                "MRPO: %d rollouts of this batch are missing, because generating them failed (verl's log has the "
                "error); their groups are compared without them.", credit.rollouts_missing,
            )  # fmt: skip
        token = CREDIT.set(credit)
        try:
            batch = super()._compute_advantage(batch, metrics, *args, **kwargs)  # type: ignore[misc]
        finally:
            CREDIT.reset(token)
        self._mrpo_credits.append(credit)
        self._mrpo_judge_tokens += judge_tokens(known)
        spent = cost(self._mrpo_judge_tokens, self.config.mrpo)
        stop_if_judge_failed(known, self.config.mrpo, tokens=self._mrpo_judge_tokens.total(), cost=spent)
        if self.config.trainer.get("rollout_data_dir"):
            self._mrpo_kept |= training_columns(
                batch.keys,
                credit.records,
                read_token_columns(batch, ("advantages", "response_mask")),
                stage_cuts=tuple(self.config.mrpo.metrics.stage_cuts.values()),
            )
        return batch

    def _submit_batch_to_rollout(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        if self._mrpo:
            mark_groups(batch, self.config.mrpo, step=self.global_steps)
        return super()._submit_batch_to_rollout(batch, *args, **kwargs)  # type: ignore[misc]

    def _validate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        if not self._mrpo or not validation_is_left_out(self):
            return super()._validate(*args, **kwargs)  # type: ignore[misc]
        batches, self.val_dataloader = self.val_dataloader, MarkedBatches(self.val_dataloader)
        try:
            return super()._validate(*args, **kwargs)  # type: ignore[misc]
        finally:
            self.val_dataloader = batches

    def _val_metrics_update(
        self,
        data_sources: list[str],
        sample_uids: list[str],
        reward_extra_infos_dict: dict[str, list[Any]],
        sample_turns: list[int],
        *args: Any,
        expected_acc_counts: dict[tuple[str, str], int] | None = None,
        **kwargs: Any,
    ) -> dict[str, float]:
        counts: dict[str, float] = {}
        if self._mrpo:
            texts = reward_extra_infos_dict.get(RECORD_KEY, [None] * len(sample_uids))
            records = [RolloutRecord.from_extra_info({RECORD_KEY: text}) for text in texts]
            stop_if_scoring_failed([record for record in records if record is not None], self.config.mrpo)
            # verl counts a rollout without `acc` as wrong; here its answer is unknown.
            expected_acc_counts = dict(expected_acc_counts or {})
            unknown = [record is not None and record.wrong is None for record in records]
            counts = validation_counts(expected_acc_counts, data_sources, sample_uids, unknown)
            if self.config.mrpo.judge.validation_every > 1:
                counts |= unjudged_counts(data_sources, records)
            reward_extra_infos_dict = known_totals(reward_extra_infos_dict, records)
            for source, uid, is_unknown in zip(data_sources, sample_uids, unknown, strict=True):
                place = str(source), str(uid)
                if is_unknown and expected_acc_counts.get(place):
                    expected_acc_counts[place] -= 1
            expected_acc_counts = {place: count for place, count in expected_acc_counts.items() if count}
        metrics = super()._val_metrics_update(  # type: ignore[misc]
            data_sources,
            sample_uids,
            reward_extra_infos_dict,
            sample_turns,
            *args,
            expected_acc_counts=expected_acc_counts,
            **kwargs,
        )
        return {**metrics, **counts}

    def _log_rollout_data(self, *args: Any, **kwargs: Any) -> Any:
        self._mrpo_dumping = self._mrpo_kept
        try:
            return super()._log_rollout_data(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._mrpo_kept, self._mrpo_dumping = {}, {}

    def _dump_generations(
        self,
        inputs: list[str],
        outputs: list[str],
        gts: list[Any],
        scores: list[float],
        reward_extra_infos_dict: dict[str, list[Any]],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if self._mrpo:
            reward_extra_infos_dict = dump_columns(reward_extra_infos_dict, self._mrpo_dumping)
        return super()._dump_generations(  # type: ignore[misc]
            inputs, outputs, gts, scores, reward_extra_infos_dict, *args, **kwargs
        )


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
        lost = [method for method in EXTENDED if not hasattr(cls, method)]
        if lost:
            raise RuntimeError(
                f"verl's trainer {cls.__name__} has no {', '.join(lost)}; MRPO was made for verl {MADE_FOR}."
            )
        registry[name] = type(f"StepCredit{cls.__name__}", (StepCreditMixin, cls), {"__module__": __name__})


EXTENDED = (
    "_init_dataloader", "step", "_consume_sync_metrics", "_compute_old_log_prob", "_compute_advantage",
    "_submit_batch_to_rollout", "_validate", "_val_metrics_update", "_log_rollout_data", "_dump_generations",
)  # fmt: skip
"""Methods of verl's trainers that the mixin extends."""
