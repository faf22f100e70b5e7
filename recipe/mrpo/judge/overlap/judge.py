"""An offline judge: word overlap with the gold reasoning, and rules. No model, no network, no dependency.

It is deterministic and fast, made for tests, dry runs and as a floor to compare a model judge with; it knows words,
not medicine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from recipe.mrpo.judge.overlap.clinical_words import Facts, content_words, facts, numbers_in, sides_in
from recipe.mrpo.judge.overlap.statement import is_statement, leaves_open, speaks_to_the_grader
from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.judge.registry import register_judge
from recipe.mrpo.judge.usage import Usage
from reward_fns.answer.words.synonyms import synonyms

Reason = Literal[
    "aligned",
    "contributes",
    "empty",
    "no_statement",
    "left_open",
    "meta",
    "repetition",
    "laterality",
    "negation",
    "number",
    "restates_question",
    "unsupported",
]

_META = re.compile(
    r"""^\W*(?:(?:okay|ok|so|now|well|hmm+|wait|first|alright|right)\b[\s,.!:…-]*)*
    (?: let(?:\ me|['’]s|\ us)\b
      | (?:i|we)(?:['’]ll|['’]d)?\ (?:first\ |now\ |also\ |then\ )?
        (?:need|have|want|should|must|will|shall|would|can|could|am\ going|are\ going|think\ about|try)\b
      | (?:i|we)(?:['’]ll|['’]m\ going|['’]re\ going)\b
      | my\ (?:task|job|goal|answer)\b
      | the\ (?:question|user|task|prompt)\ (?:is|asks?|wants?|requires?|says?|here)\b
      | (?:in\ order\ )?to\ (?:answer|solve|address|determine|respond\ to)\b
      | (?:okay|ok|hmm+|wait|alright)\W*$ )""",
    re.IGNORECASE | re.VERBOSE,
)


MAX_LIST = 4
"""A step that contributes holds at most this many words of content for each word of the answer."""


@dataclass(frozen=True)
class Thresholds:
    """When overlap counts (the node `mrpo.judge.overlap`).

    min_alignment     share of a step's new content words that stand in the gold reasoning
    min_contribution  share of the gold answer's content words that stand in the step
    max_repeat        Jaccard similarity to an earlier step from which on a step repeats it
    repeat_window     how many earlier steps are compared (exact repeats are found at any distance)
    """

    min_alignment: float
    min_contribution: float
    max_repeat: float
    repeat_window: int


@dataclass(frozen=True)
class Verdict:
    """Label of one step and the rule that gave it."""

    label: int
    reason: Reason


def judge_steps(
    steps: Iterable[str], *, question: str, answers: Sequence[str], gold_reasoning: str, thresholds: Thresholds
) -> list[Verdict]:
    """One verdict per step; a step is valid if no rule forbids it and it aligns or contributes.

        new       = content words of the step that are not in the question; synonyms count as one word
        aligned   : |new & gold reasoning| / |new| >= min_alignment
        contributes: |answer & step| / |answer|    >= min_contribution, for one of the right `answers`

    A step that only repeats the question's words is valid if it denies the same as the gold reasoning. If the
    answer is a number, a step with only other numbers is invalid.
    """
    question, gold_reasoning, answers = synonyms(question), synonyms(gold_reasoning), [synonyms(a) for a in answers]
    told = "\n".join((gold_reasoning, *answers))
    gold = facts(told)
    gold_words = content_words(gold_reasoning)
    asked = content_words(question)
    # The answer's own words tell more than those that the question gave away.
    wanted = [(content_words(a) - asked) or content_words(a) or sides_in(a) for a in answers]
    numbers = numbers_in(f"{question}\n{told}") if all(map(numbers_in, answers)) else frozenset()
    verdicts: list[Verdict] = []
    earlier: list[frozenset[str]] = []
    seen: set[frozenset[str]] = set()
    for step in steps:
        verdicts.append(
            _judge_step(synonyms(step), gold, gold_words, asked, wanted, numbers, earlier, seen, thresholds)
        )
    return verdicts


def judge_whole(
    steps: Sequence[str],
    verdicts: Sequence[Verdict],
    *,
    answers: Sequence[str],
    gold_reasoning: str,
    thresholds: Thresholds,
) -> int:
    """1 if the steps together say the same as the gold reasoning: no step contradicts it, and

    |gold & steps| / |gold| >= min_alignment,   |answer & steps| / |answer| >= min_contribution      (content words)

    for one of the right `answers`.
    """
    if not steps or any(verdict.reason in ("laterality", "negation") for verdict in verdicts):
        return 0
    said = facts(synonyms("\n".join(steps)))
    gold = content_words(synonyms(gold_reasoning))
    wanted = [content_words(a) or sides_in(a) for a in map(synonyms, answers)]
    covered = len(gold & said.words) >= thresholds.min_alignment * len(gold)
    return int(covered and any(_share(said, words) >= thresholds.min_contribution for words in wanted))


def _judge_step(
    step: str,
    gold: Facts,
    gold_words: frozenset[str],
    asked: frozenset[str],
    wanted: Sequence[frozenset[str]],
    numbers: frozenset[float],
    earlier: list[frozenset[str]],
    seen: set[frozenset[str]],
    thresholds: Thresholds,
) -> Verdict:
    if not any(c.isalpha() for c in step):  # a bare number is not a statement either
        return Verdict(0, "empty")
    said = facts(step)
    # "no effusion" does not repeat "effusion", nor "left" "right".
    print_ = said.words | {f"side:{s}" for s in said.all_sides} | {f"not:{w}" for w in said.denied}
    recent = earlier[-thresholds.repeat_window :] if thresholds.repeat_window else []
    repeated = bool(print_) and (print_ in seen or any(_jaccard(print_, e) >= thresholds.max_repeat for e in recent))
    earlier.append(print_)
    seen.add(print_)
    if _META.search(step) or speaks_to_the_grader(step):
        return Verdict(0, "meta")
    if not is_statement(step):
        return Verdict(0, "no_statement")
    if leaves_open(step):
        return Verdict(0, "left_open")
    if repeated:
        return Verdict(0, "repetition")
    if said.contradicts_side(gold):
        return Verdict(0, "laterality")
    if said.contradicts_polarity(gold):
        return Verdict(0, "negation")
    if numbers and (counted := numbers_in(step)) and not counted & numbers:
        return Verdict(0, "number")
    new = said.words - asked
    if any(words and _states(said, words, thresholds) for words in wanted):
        return Verdict(1, "contributes")
    if not new:
        return Verdict(1, "aligned") if said.denied & gold.denied else Verdict(0, "restates_question")
    if len(new & gold_words) >= thresholds.min_alignment * len(new):
        return Verdict(1, "aligned")
    return Verdict(0, "unsupported")


def _states(said: Facts, words: frozenset[str], thresholds: Thresholds) -> bool:
    """Does the step say the answer, and not a long list of words with the answer among them?"""
    listed = len(said.words) > MAX_LIST * len(words & (said.words | said.all_sides))
    return not listed and _share(said, words) >= thresholds.min_contribution


def _share(said: Facts, words: frozenset[str]) -> float:
    return len(words & (said.words | said.all_sides)) / len(words) if words else 0.0


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


class OverlapJudge:
    """The rules above as a judge; it makes no calls and never fails."""

    name = "overlap"

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds

    async def label(self, request: JudgeRequest) -> Judgement:
        start = time.perf_counter()
        verdicts: Sequence[Verdict] = judge_steps(
            request.steps,
            question=request.question,
            answers=request.answers,
            gold_reasoning=request.gold_reasoning,
            thresholds=self.thresholds,
        )
        whole = None
        if request.overall:
            whole = judge_whole(
                request.steps,
                verdicts,
                answers=request.answers,
                gold_reasoning=request.gold_reasoning,
                thresholds=self.thresholds,
            )
        labels = tuple(v.label for v in verdicts)
        return Judgement(labels=labels, overall=whole, usage=Usage(latency_s=time.perf_counter() - start))

    async def close(self) -> None:
        return None


@register_judge("overlap")
def overlap_judge(options: Mapping[str, Any]) -> OverlapJudge:
    """The offline judge with the thresholds of `mrpo.judge.overlap`."""
    return OverlapJudge(Thresholds(**options["overlap"]))
