"""The answer reward of long answers (findings, impressions, management): sentence by sentence, contradictions count 0.

A function to take the place of the measure for short answers (docs/long_answers.md):

    +mrpo.rewards.answer.function=reward_fns.long_answer:report_f1
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from recipe.mrpo.rollout.rule_splitter import rule_steps
from reward_fns.answer.conflicts.find import CONFLICTS, find_conflict
from reward_fns.registry import RewardInput, reads_no_labels

MAX_SENTENCES, MAX_CHARS = 64, 8000
"""Sentences and characters of a report that are compared; the rest is ignored."""


@reads_no_labels
def report_f1(rollout: RewardInput, *, conflicts: bool = True) -> float:
    """Agreement of a long answer with the reference, in [0, 1]; the best of several references counts.

        r(a, g) = ROUGE-L F1 of two sentences                  m(a) = the g with the largest r(a, g), and m(g) likewise
        s(a) = r(a, m(a)), 0 if they contradict each other
        P = mean of s over the answer's sentences              R = mean of s over the reference's sentences
        F1 = 2 P R / (P + R), 0 if both are 0

    A contradiction is one of `find_conflict`: only one of them denies, another side, number, plane, opposite. So "there
    is a pleural effusion" earns nothing beside "there is no pleural effusion", of which ROUGE-L makes 0.8. Without an
    answer 0. `conflicts` False leaves the contradictions out.

    ROUGE-L is that of the package rouge-score with its stemmer (extra `reports`). Raises ImportError without it.
    Source: Lin 2004 (ROUGE); sentences are matched as in the facts of RadGraph F1 and GREEN, without their models.
    """
    answer = (rollout.prediction or "").strip()
    return max((f1(answer, gold, conflicts=conflicts) for gold in rollout.gold), default=0.0) if answer else 0.0


@reads_no_labels
def rouge_l(rollout: RewardInput) -> float:
    """ROUGE-L F1 of the whole answer with the best of the references, as report generation reports it."""
    answer = (rollout.prediction or "").strip()
    return max((_rouge_l(answer[:MAX_CHARS], gold[:MAX_CHARS]) for gold in rollout.gold), default=0.0)


def f1(answer: str, gold: str, *, conflicts: bool) -> float:
    """The formula of `report_f1` for one reference."""
    said, wanted = sentences(answer), sentences(gold)
    if not said or not wanted:
        return 0.0
    precision = sum(_matched(a, wanted, conflicts) for a in said) / len(said)
    recall = sum(_matched(g, said, conflicts) for g in wanted) / len(wanted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def sentences(text: str) -> list[str]:
    """The sentences of a report, cut by the rules of reasoning steps (docs/steps.md)."""
    text = text[:MAX_CHARS]
    return [text[start:end] for start, end in rule_steps(text, (0, len(text)))][:MAX_SENTENCES]


def _matched(sentence: str, others: Sequence[str], conflicts: bool) -> float:
    """s of the formula: how far the most similar of the others agrees."""
    values = [_rouge_l(sentence, other) for other in others]  # F1 is the same both ways
    best = max(range(len(others)), key=values.__getitem__)
    return 0.0 if conflicts and values[best] and find_conflict(sentence, others[best], CONFLICTS) else values[best]


@lru_cache(maxsize=65536)
def _rouge_l(prediction: str, reference: str) -> float:
    return float(_scorer().score(reference, prediction)["rougeL"].fmeasure)


@lru_cache(maxsize=1)
def _scorer() -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ModuleNotFoundError as error:
        raise ImportError(
            "the rewards of reward_fns.long_answer need the package rouge-score; install it with pip install "
            "'verl-mrpo[reports]', or let the judge decide with mrpo.rewards.answer.mode=judge."
        ) from error
    return RougeScorer(["rougeL"], use_stemmer=True)


__all__: Sequence[str] = ("f1", "report_f1", "rouge_l", "sentences")
