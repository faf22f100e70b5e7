"""The judges and rewards of an evaluation, made from the options of training."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.evaluate.phases.questions import Question
from recipe.mrpo.evaluate.phases.settings import Settings
from recipe.mrpo.evaluate.phases.verdict import answer_judge_options
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.chat.answer import answer_prompt
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.private_data import check_endpoint
from recipe.mrpo.judge.stand_in import stand_in_sentence
from recipe.mrpo.scoring.labels import Labeller, judge_is_shown_images, judge_needs_gold_reasoning
from recipe.mrpo.scoring.rollout import Scorer

logger = logging.getLogger(__name__)

CHAT_WITHOUT_EFFECT = ("api_key_env", "timeout_s", "max_retries", "backoff_base_s", "backoff_max_s",
                       "retry_after_max_s", "concurrency", "rubric")  # fmt: skip
ALL_READ = {False: True, True: True, None: True}
"""An evaluation reads the labels of right and wrong answers."""


class Judging:
    """What judges: `judge` the steps, `answer` the answer (None: it is not asked), `repeat_judge` again, uncached.

    Raises ValueError naming the option.
    """

    def __init__(self, settings: Settings, options: DictConfig) -> None:
        self.node = _node(options)
        self.scorer = Scorer(options)
        self.judge = get_judge(self.node)
        uncached = {**self.node, "cache": {**self.node["cache"], "path": None}}
        self.repeats, self.repeat_share, self.repeat_seed = settings.repeat_judge, settings.repeat_share, settings.seed
        self.repeat_judge = get_judge(uncached) if self.repeats else self.judge
        asked = answer_judge_options(self.node) if settings.verdict else None
        self.answer = None if asked is None else get_judge(asked)
        semantic = options.rewards.semantic
        self.show_images = judge_is_shown_images(self.node)
        self.labeller = Labeller(
            ask_for=options.judge.ask_for,
            read_by_rewards=self.scorer.reads_labels,
            shaped=ALL_READ,
            overall=bool(semantic.enabled and semantic.mode == "verdict"),
            show_images=self.show_images,
            verdict=self.scorer.asks_for_verdict,
            gold_reasoning=judge_needs_gold_reasoning(self.node),
        )

    def check(self, questions: Sequence[Question]) -> None:
        """Raises PermissionError, before anything is sent, if a judge may not see one of the questions."""
        private = any(question.private for question in questions)
        for judge in (self.judge, self.repeat_judge, self.answer):
            if judge is not None:
                judge.require(may_leave_machine=not private)
        check_endpoint(self.node, private_data=private)

    async def close(self) -> None:
        for judge in (self.judge, self.repeat_judge, self.answer):
            if judge is not None:
                await judge.close()


def _node(options: DictConfig) -> dict[str, Any]:
    node = OmegaConf.to_container(options.judge, resolve=True)
    if any(one["name"] == "router" for one in judges_asked(node)):
        raise ValueError(
            "mrpo.judge.name=router asks the reward model of a training that is running; for an evaluation serve the "
            "judge and set mrpo.judge.name=openai with its address."
        )
    return node


def check_stand_in(options: DictConfig, *, real_weights: bool) -> None:
    """Warn, or refuse by mrpo.judge.stand_in, if the offline judge labels what a model in use has said."""
    node = OmegaConf.to_container(options.judge, resolve=True)
    sentence = stand_in_sentence(node, real_weights=real_weights)
    if sentence is None:
        return
    if node["stand_in"] == "refuse":
        raise ValueError(sentence)
    logger.warning("%s", sentence)


def judging_section(settings: Settings, options: DictConfig) -> dict[str, Any]:
    """What judgements depend on, for the manifest."""
    node = _node(options)
    plain = OmegaConf.to_container(options, resolve=True)
    return {
        "judge": _decisive(node),
        "prompts": sorted({_prompts_hash(one) for one in judges_asked(node)}),
        "rewards": plain["rewards"],
        "tau": plain["tau"],
        "steps": plain["steps"],
        "verdict": _verdict_hash(node) if settings.verdict else None,
        "repeat_judge": settings.repeat_judge,
        "repeat_share": settings.repeat_share if settings.repeat_judge else None,
        "repeat_seed": settings.seed if settings.repeat_judge else None,
    }


def _decisive(node: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a judge that its labels depend on; of a judge in use, not of all that could be set."""
    name = node["name"]
    if name == "ensemble":
        return {"name": name, "members": {who: _decisive(one) for who, one in _members(node).items()}}
    own = {"name": name, "ask_for": node["ask_for"]}
    if name == "overlap":
        return {**own, "overlap": node["overlap"]}
    chat = {key: value for key, value in node["openai"].items() if key not in CHAT_WITHOUT_EFFECT}
    if node["cache"]["namespace"] is not None:  # it stands for the address there, too
        chat["base_url"] = node["cache"]["namespace"]
    if name == "continuations":
        return {**own, "openai": chat, "continuations": node["continuations"]}
    return {**own, "openai": chat} if name == "openai" else {**own, "options": node["options"], "openai": chat}


def _members(node: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(node["members"], judges_asked(node), strict=True))


def _prompts_hash(node: Mapping[str, Any]) -> str:
    chat = node["openai"]
    if node["name"] in ("overlap", "continuations"):  # they have no prompt of their own
        return str(node["name"])
    return Rubric.load(chat["rubric"], counted=chat["valid_grades"] or (), reasons=chat["reasons"]).hash


def _verdict_hash(node: Mapping[str, Any]) -> str | None:
    if answer_judge_options(node) is None:
        return None
    texts = sorted({answer_prompt(one["openai"]["rubric"]) for one in judges_asked(node)})
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
