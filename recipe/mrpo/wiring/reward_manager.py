"""The `mrpo` reward manager: one rollout in, its reward and its step labels out."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import asdict, replace
from typing import Any

from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.judge import Judgement, JudgeRequest, get_judge
from recipe.mrpo.judge.member_options import with_router_address
from recipe.mrpo.judge.when_to_judge import labels_read_by_rewards, shaping_reads_labels, skip_reason
from recipe.mrpo.options.tree import ESTIMATORS, load_options
from recipe.mrpo.rollout.parsing import parse
from recipe.mrpo.rollout.record import RolloutRecord, is_wrong
from recipe.mrpo.rollout.steps import split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from reward_fns.gold_answers import golds_of
from reward_fns.registry import RewardInput, build_rewards

logger = logging.getLogger(__name__)


def first_image(messages: Any) -> tuple[bytes | None, str | None]:
    """Encoded bytes and MIME type of the first image in a chat prompt, (None, None) without one.

    verl keeps the image in the content list of `raw_prompt`, as a PIL image with its original bytes beside it.
    """
    for message in messages if messages is not None else ():
        content = message.get("content")
        for part in content if isinstance(content, (list, tuple)) else ():
            if isinstance(part, dict) and part.get("type") == "image" and part.get("bytes"):
                return bytes(part["bytes"]), _mime(bytes(part["bytes"][:12]))
    return None, None


def _mime(head: bytes) -> str:
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"GIF8"):
        return "image/gif"
    return "image/jpeg"


@register("mrpo")
class MRPORewardManager(RewardManagerBase):
    """Rewards a rollout by the weighted sum of its named rewards and labels its steps.

    verl runs it in its reward workers, one row at a time, while other rollouts are still being generated.
    """

    def __init__(self, config, tokenizer, compute_score, reward_router_address=None, reward_model_tokenizer=None):
        super().__init__(config, tokenizer, compute_score)
        self.options = load_options(config.get("mrpo"))
        self.rewards = build_rewards(self.options.rewards, tau=self.options.tau)
        judge_options = OmegaConf.to_container(self.options.judge, resolve=True)
        served_as = OmegaConf.select(config, "reward.reward_model.model_path")
        self.judge = get_judge(with_router_address(judge_options, address=reward_router_address, model=served_as))
        semantic = self.options.rewards.semantic
        self.ask_overall = bool(semantic.enabled and semantic.mode == "verdict")
        self.read_by_rewards = labels_read_by_rewards(OmegaConf.to_container(self.options.rewards, resolve=True))
        estimator = OmegaConf.select(config, "algorithm.adv_estimator")
        self.shaped = {
            wrong: shaping_reads_labels(self.options.shaping, estimator=estimator, ours=ESTIMATORS, wrong=wrong)
            for wrong in (False, True)
        }
        self.stage_cuts = (self.options.metrics.stage_cuts.early, self.options.metrics.stage_cuts.mid)
        self._table: TokenTable | None = None
        self._table_lock = threading.Lock()

    async def run_single(self, data: DataProto) -> dict:
        """Reward of one rollout (the last row of `data`): `reward_score` and `reward_extra_info`."""
        item = data[-1]
        ids = item.batch["responses"]
        length = int(item.batch["attention_mask"][-len(ids) :].sum())
        fields = item.non_tensor_batch
        image, mime = first_image(fields.get("raw_prompt"))
        record = await self.judge_rollout(
            ids[:length].tolist(),
            gold=fields["reward_model"]["ground_truth"],
            data_source=str(fields.get("data_source") or ""),
            extra_info=dict(fields.get("extra_info") or {}),
            image=image,
            image_mime=mime,
        )
        return {"reward_score": record.total, "reward_extra_info": record.to_extra_info(stage_cuts=self.stage_cuts)}

    async def judge_rollout(
        self,
        ids: list[int],
        *,
        gold: Any,
        data_source: str,
        extra_info: dict[str, Any],
        image: bytes | None,
        image_mime: str | None,
    ) -> RolloutRecord:
        """Everything about one rollout, from its sampled ids."""
        text = TokenText.from_ids(ids, self._table or await asyncio.to_thread(self._token_table))
        parsed = parse(text.text)
        steps = split_steps(parsed, splitter=self.options.steps.splitter, unclosed=self.options.steps.unclosed)
        step_texts = [parsed.text[s.start : s.end] for s in steps]
        golds = golds_of(gold, extra_info)
        reasoning = str(extra_info.get("gold_reasoning") or "")

        given = RewardInput(
            parsed=parsed,
            prediction=parsed.answer,
            gold=golds,
            gold_reasoning=reasoning,
            num_steps=len(steps),
            labels=None,
            overall=None,
            question=str(extra_info.get("question") or ""),
            answer_correct=None,
            extra_info=extra_info,
        )
        answer, *others = self.rewards  # build_rewards puts `answer` first: the rest may depend on whether it is right
        values = {answer.name: await asyncio.to_thread(answer.fn, given)}
        wrong = is_wrong(values[answer.name], tau=self.options.tau)
        judgement, labels, status = await self._label(
            JudgeRequest(
                question=given.question,
                answer=golds[0] if golds else "",
                alternatives=golds[1:],
                gold_reasoning=reasoning,
                steps=tuple(step_texts),
                image=image,
                image_mime=image_mime,
                may_leave_machine=may_leave_machine(extra_info, row=_row_name(data_source, extra_info)),
                overall=self.ask_overall,
            ),
            wrong=wrong,
        )
        overall = None if judgement is None else judgement.overall
        given = replace(given, labels=labels, overall=overall, answer_correct=not wrong)
        values |= await asyncio.to_thread(lambda: {reward.name: reward.fn(given) for reward in others})
        return RolloutRecord(
            steps=step_texts,
            spans=align(steps, text),
            labels=labels,
            judge_status=status,
            rewards=values,
            weights={reward.name: float(reward.weight) for reward in self.rewards},
            answer=parsed.answer,
            case={
                "question": given.question,
                "gold": list(golds),
                "gold_reasoning": reasoning,
                "image_id": str(extra_info.get("image_id") or ""),
                "data_source": data_source,
                "split": str(extra_info.get("split") or ""),
                "index": str(extra_info.get("index", "")),
            },
            wrong=wrong,
            well_formed=parsed.well_formed,
            response_tokens=len(ids),
            judge={} if judgement is None else {**asdict(judgement.usage), "agreement": judgement.agreement},
        )

    def _token_table(self) -> TokenTable:
        """Made once, though many rollouts may be waiting for it."""
        with self._table_lock:
            if self._table is None:
                self._table = TokenTable.from_tokenizer(self.tokenizer)
            return self._table

    async def _label(self, request: JudgeRequest, *, wrong: bool) -> tuple[Judgement | None, list[int] | None, str]:
        """A failed judgement is never a label and never reward 0: the record says so and the rollout stays unshaped."""
        if not request.steps:
            return None, [], "ok"  # a fact about the rollout, not about the judge: there is nothing to label
        if not request.gold_reasoning:
            return None, None, "skipped:no_gold_reasoning"
        ask_for = self.options.judge.ask_for
        reason = skip_reason(ask_for, wrong=wrong, read_by_rewards=self.read_by_rewards, shaped=self.shaped[wrong])
        if reason is not None:
            return None, None, f"skipped:{reason}"
        judgement = await self.judge.label(request)
        if judgement.labels is None:
            logger.warning("judge %s failed: %s %s", self.judge.name, judgement.failure, judgement.detail[:200])
            return judgement, None, f"failed:{judgement.failure}"
        return judgement, list(judgement.labels), "ok"


def _row_name(data_source: str, extra_info: dict[str, Any]) -> str:
    return f"row {data_source}/{extra_info.get('split') or ''}/{extra_info.get('index', '')} of the data"
