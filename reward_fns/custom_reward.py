"""MRPO's rewards for verl's stock reward managers, and for any trainer that takes a scoring function.

    reward.custom_reward_function.path=reward_fns/custom_reward.py reward.custom_reward_function.name=compute_score

Options differing from the defaults: +reward.custom_reward_function.reward_kwargs.mrpo.rewards.answer.conflict_cap=0.4
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps, judge_whole
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.parsing import parse
from recipe.mrpo.rollout.steps import split_steps
from reward_fns.gold_answers import golds_of
from reward_fns.registry import Reward, RewardInput, build_rewards


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | Sequence[str],
    extra_info: Mapping[str, Any] | None = None,
    *,
    mrpo: Mapping[str, Any] | None = None,
    **_: Any,
) -> dict[str, float]:
    """One completion's reward: {"score": weighted sum, "acc": answer reward > tau, "reward/<name>": value, …}.

    Steps are labelled by the offline overlap judge, whatever mrpo.judge.name says; only the `mrpo` reward manager asks
    a model. Without gold reasoning the process reward is unknown: it is left out of the sum (so it is for the whole
    group, which shares its row), "reward/process" is nan (verl wants the same keys in every row) and "process_known"
    is 0. `mrpo` holds options over the defaults of options.yaml. `data_source` is not used: one
    rule for all datasets.

    Raises OptionError or ValueError for options that make no sense, and ValueError for a row without a gold answer.
    """
    options, rewards, thresholds = _setup(json.dumps(_plain(mrpo), sort_keys=True))
    info = dict(extra_info or {})
    parsed = parse(solution_str)
    steps = split_steps(parsed, splitter=options.steps.splitter, unclosed=options.steps.unclosed)
    golds = golds_of(ground_truth, info)
    if not golds:
        raise ValueError("a row needs a gold answer in reward_model.ground_truth")
    given = RewardInput(
        parsed=parsed,
        prediction=parsed.answer,
        gold=golds,
        gold_reasoning=str(info.get("gold_reasoning") or ""),
        num_steps=len(steps),
        labels=None,
        overall=None,
        question=str(info.get("question") or ""),
        answer_correct=None,
        extra_info=info,
    )
    if not steps:
        given = replace(given, labels=())
    elif given.gold_reasoning:
        texts = [parsed.text[step.start : step.end] for step in steps]
        gold = {"answers": golds, "gold_reasoning": given.gold_reasoning, "thresholds": thresholds}
        verdicts = judge_steps(texts, question=given.question, **gold)
        whole = judge_whole(texts, verdicts, **gold)
        given = replace(given, labels=tuple(verdict.label for verdict in verdicts), overall=whole)

    answer, *others = rewards  # build_rewards puts `answer` first
    score = answer.fn.score(given)
    given = replace(given, answer_correct=score.value > options.tau)
    values = {answer.name: score.value, **{reward.name: reward.fn(given) for reward in others}}
    known = {reward.name: value for reward in rewards if (value := values[reward.name]) is not None}
    return {
        "score": sum(reward.weight * known.get(reward.name, 0.0) for reward in rewards),
        "acc": float(given.answer_correct),
        "num_steps": float(given.num_steps),
        "answer_capped": float(score.parts["capped"]),
        "process_known": float("process" in known),
        **{f"reward/{reward.name}": known.get(reward.name, math.nan) for reward in rewards},
    }


@lru_cache(maxsize=8)
def _setup(overrides: str) -> tuple[Any, list[Reward], Thresholds]:
    options = load_options(json.loads(overrides))
    return options, build_rewards(options.rewards, tau=options.tau), Thresholds(**options.judge.overlap)


def _plain(mrpo: Mapping[str, Any] | None) -> dict[str, Any]:
    if mrpo is None:
        return {}
    if type(mrpo).__module__.startswith("omegaconf"):
        from omegaconf import OmegaConf

        return OmegaConf.to_container(mrpo, resolve=True)
    return dict(mrpo)
