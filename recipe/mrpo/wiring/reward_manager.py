"""The `mrpo` reward manager: one rollout in, its reward and its step labels out. verl's glue around `scoring`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from recipe.mrpo.common.plain import plain
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.member_options import with_router_address
from recipe.mrpo.judge.when_to_judge import shaping_reads_labels
from recipe.mrpo.options.tree import ESTIMATORS, OptionError, load_options
from recipe.mrpo.rollout.record import RolloutRecord
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from recipe.mrpo.scoring.faults import CAUGHT, ends_the_run
from recipe.mrpo.scoring.judged import judged_rollout, unscored_record
from recipe.mrpo.scoring.labels import Labeller, judge_is_shown_images, judge_needs_gold_reasoning
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import read_row
from recipe.mrpo.wiring.unjudged import COLUMN


@register("mrpo")
class MRPORewardManager(RewardManagerBase):
    """Rewards a rollout by the weighted sum of its named rewards and labels its steps.

    verl runs it in its reward workers, one row at a time, while other rollouts are still being generated. Nothing
    raises out of it, for verl would take the rollout out of training (`scoring.faults`): what went wrong stands in the
    record, which the trainer reads.
    """

    def __init__(self, config, tokenizer, compute_score, reward_router_address=None, reward_model_tokenizer=None):
        super().__init__(config, tokenizer, compute_score)
        self.options = load_options(config.get("mrpo"))
        self.scorer = Scorer(self.options)
        served_as = OmegaConf.select(config, "reward.reward_model.model_path")
        judge = with_router_address(plain(self.options.judge), address=reward_router_address, model=served_as)
        self.judge = get_judge(judge)
        semantic = self.options.rewards.semantic
        estimator = OmegaConf.select(config, "algorithm.adv_estimator")
        self.labeller = Labeller(
            ask_for=self.options.judge.ask_for,
            read_by_rewards=self.scorer.reads_labels,
            shaped={
                wrong: shaping_reads_labels(
                    self.options.shaping,
                    shaping_options=self.options.shaping_options,
                    estimator=estimator,
                    ours=ESTIMATORS,
                    wrong=wrong,
                )
                for wrong in (False, True, None)
            },
            overall=bool(semantic.enabled and semantic.mode == "verdict"),
            show_images=judge_is_shown_images(judge),
            verdict=self.scorer.asks_for_verdict,
            gold_reasoning=judge_needs_gold_reasoning(judge),
        )
        self.stage_cuts = (self.options.metrics.stage_cuts.early, self.options.metrics.stage_cuts.mid)
        self._table: TokenTable | None = None
        self._table_lock = threading.Lock()

    async def run_single(self, data: DataProto) -> dict:
        """Reward of one rollout (the last row of `data`): `reward_score` and `reward_extra_info`."""
        item = data[-1]
        ids = item.batch["responses"]
        length = int(item.batch["attention_mask"][-len(ids) :].sum())
        ids = ids[:length].tolist()
        try:
            record = await self.judge_rollout(ids, item.non_tensor_batch)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():  # verl gives this rollout up
                raise
            # Something that a judge waited for was cancelled, which is an error like any other.
            record = self._unscored(ids, errors={"rollout": self.scorer.told("scoring a rollout", error)})
        except CAUGHT as error:
            if ends_the_run(error):
                record = self._unscored(ids, fatal=str(error))
            else:
                record = self._unscored(ids, errors={"rollout": self.scorer.told("scoring a rollout", error)})
        return {"reward_score": record.total, "reward_extra_info": record.to_extra_info(stage_cuts=self.stage_cuts)}

    async def judge_rollout(self, ids: list[int], fields: dict[str, Any]) -> RolloutRecord:
        """Everything about one rollout, from its sampled ids and the columns of its row."""
        tokens = TokenText.from_ids(ids, self._table or await asyncio.to_thread(self._token_table))
        row = read_row(fields)
        return await judged_rollout(
            tokens.text,
            row,
            scorer=self.scorer,
            labeller=self.labeller,
            judge=self.judge,
            prompt=fields.get("raw_prompt"),
            spans=lambda steps: align(steps, tokens),
            response_tokens=len(ids),
            not_chosen=str(fields.get(COLUMN) or "") or None,
        )

    def _unscored(self, ids: list[int], **why: Any) -> RolloutRecord:
        return unscored_record(self.scorer, response_tokens=len(ids), **why)

    def _token_table(self) -> TokenTable:
        """Made once, though many rollouts may be waiting for it. Raises OptionError for an unknown tokenizer."""
        with self._table_lock:
            if self._table is None:
                try:
                    self._table = TokenTable.from_tokenizer(self.tokenizer)
                except ValueError as error:  # no rollout can do without
                    raise OptionError(f"actor_rollout_ref.model.path: {error}") from error
            return self._table
