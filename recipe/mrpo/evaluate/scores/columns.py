"""Rollouts as numbers: one pass over them, about 150 bytes for each, texts are not kept.

Rows are sorted by question, sample and id, clusters and questions by their names, so that the order in which a run was
written decides no figure.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.ids import digest
from recipe.mrpo.evaluate.rollouts import Rollout
from recipe.mrpo.rollout.first_failure import failure_after, first_failure_position

UNKNOWN = -1
ATTRIBUTES = ("data_source", "answer_type", "modality", "organ", "question_type")
_TYPES = {
    "Q": ("row", "asked", "text"),
    "q": ("question", "image", "cluster", "sample", "step", "why_unknown", "verdict_status", "judge_status", "answer",
          "gold", "steps", "valid", "first", "tokens", "repeats", "repeats_failed", "pairs", "flips", "to_invalid",
          "to_valid", "split_steps", *ATTRIBUTES),
    "b": ("condition", "reward", "verdict", "answered", "gold_reasoning"),
    "d": ("ffp", "far", "confidence", "confidence_mean"),
}  # fmt: skip
NUMBERS = {name: code for code, names in _TYPES.items() for name in names}
"""Code of Python's `array` for each column."""


@dataclass
class Columns:
    """A column of `NUMBERS` each; names of what they number in `names`."""

    data: dict[str, np.ndarray]
    names: dict[str, list[str]]
    """The names of questions, images, clusters, answers, golds, statuses and attributes, by number."""
    run: str = ""
    origins: Counter[str] = field(default_factory=Counter)
    training_steps: set[int | None] = field(default_factory=set)
    duplicates: int = 0
    """Rollouts with an id that an earlier one had; they are left out."""
    without_cluster: int = 0
    """Rollouts without a patient or a study, clustered by image instead."""
    used: dict[str, float] = field(default_factory=dict)
    """Sums of what the judge used."""
    errors: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self.data["row"])

    def where(self, mask: np.ndarray) -> Columns:
        """These rows alone; names and sums stay those of all."""
        kept = {name: values[mask] for name, values in self.data.items()}
        return replace(self, data=kept)


class _Numbered:
    """Numbers for names, in the order of first sight; None has UNKNOWN."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str | None) -> int:
        return UNKNOWN if name is None else self.numbers.setdefault(name, len(self.numbers))

    def sorted(self) -> tuple[list[str], np.ndarray]:
        """(names in order, number in that order of each number given out)."""
        names = sorted(self.numbers)
        order = np.empty(len(names) + 1, dtype=np.int64)
        order[-1] = UNKNOWN  # stands at index -1
        for place, name in enumerate(names):
            order[self.numbers[name]] = place
        return names, order


CONDITION_NUMBERS = {"image": 0, "no_image": 1, "other_image": 2}
NAMED = ("question", "image", "cluster", "why_unknown", "verdict_status", "judge_status", "answer", "gold", *ATTRIBUTES)


def columns_of(rollouts: Iterable[Rollout], *, cluster: str) -> Columns:
    """The columns of rollouts, read once. `cluster`: `image`, `patient` or `study`."""
    raw = {name: array(code) for name, code in NUMBERS.items()}
    numbered = {name: _Numbered() for name in NAMED}
    made = Columns({}, {})
    seen: set[int] = set()
    sums: Counter[str] = Counter()
    for rollout in rollouts:
        row = int(digest(rollout.run, rollout.origin, rollout.id, rollout.condition), 16)
        if row in seen:
            made.duplicates += 1
            continue
        seen.add(row)
        made.run = made.run or rollout.run
        made.origins[rollout.origin] += 1
        made.training_steps.add(rollout.step)
        made.errors.update(rollout.errors.values())
        made.without_cluster += cluster not in rollout.clusters
        # A number that is nan, or too large for a float, would make the sum worthless.
        sums.update({k: v for k, v in rollout.judge.items() if type(v) in (int, float) and abs(v) < 1e15})
        values = {"row": row} | _numbers(rollout, cluster)
        for name, value in values.items():
            raw[name].append(numbered[name](value) if name in numbered else value)
    made.used = dict(sums)
    data = {name: np.frombuffer(values, dtype=values.typecode) if values else np.empty(0, values.typecode)
            for name, values in raw.items()}  # fmt: skip
    for name, numbers in numbered.items():
        made.names[name], order = numbers.sorted()
        data[name] = order[data[name]]
    order = np.lexsort((data["row"], data["sample"], data["question"]))
    made.data = {name: values[order] for name, values in data.items()}
    return made


def _numbers(rollout: Rollout, cluster: str) -> dict[str, Any]:
    labels = rollout.labels
    reward = UNKNOWN if rollout.wrong is None else int(not rollout.wrong)
    verdict = UNKNOWN if rollout.verdict is None else rollout.verdict
    if rollout.verdict_status == "skipped:no_answer":
        verdict = 0  # there was an output, and no answer in it to be judged
    ffp = far = None
    if labels is not None:
        ffp, far = first_failure_position(labels), failure_after(labels)
    logs = rollout.answer_logprobs
    answer, gold = (plain_answer(t) if t else None for t in (rollout.answer, next(iter(rollout.gold), None)))
    image = rollout.clusters["image"]
    return {
        "question": rollout.question_id,
        "image": image,
        "cluster": rollout.clusters.get(cluster, image),
        "sample": rollout.sample,
        "step": UNKNOWN if rollout.step is None else rollout.step,
        "condition": CONDITION_NUMBERS.get(rollout.condition, 0),
        "reward": reward,
        "verdict": verdict,
        "why_unknown": why_unknown(rollout),
        "verdict_status": rollout.verdict_status or ("no output" if rollout.failure else "no verdict"),
        "answered": int(bool(rollout.answer)),
        "steps": len(rollout.steps),
        "valid": UNKNOWN if labels is None else sum(labels),
        "first": UNKNOWN if labels is None or 0 not in labels else labels.index(0),
        "ffp": math.nan if ffp is None else ffp,
        "far": math.nan if far is None else far,
        "judge_status": rollout.judge_status,
        # The probability of the answer given its reasoning, and the mean (geometric) probability of its tokens.
        "confidence": math.exp(min(0.0, math.fsum(logs))) if logs else math.nan,
        "confidence_mean": math.exp(min(0.0, math.fsum(logs) / len(logs))) if logs else math.nan,
        "gold_reasoning": int(bool(rollout.gold_reasoning.strip())),
        "asked": int(digest(image, rollout.question, *rollout.gold), 16),
        "text": int(digest(rollout.question, *rollout.gold), 16),
        "answer": answer,
        "gold": gold,
        "tokens": UNKNOWN if rollout.response_tokens is None else rollout.response_tokens,
        **_repeats(rollout),
        **{name: getattr(rollout, name) or None for name in ATTRIBUTES if name != "answer_type"},
        "answer_type": rollout.answer_type.strip().upper() if rollout.answer_type else None,
    }


def _repeats(rollout: Rollout) -> dict[str, int]:
    """What further judgements of the same steps said: pairs of (first, repeated) label, and how many differ."""
    counts = dict.fromkeys(("repeats", "repeats_failed", "pairs", "flips", "to_invalid", "to_valid", "split_steps"), 0)
    if rollout.labels is None or not rollout.repeats:
        return counts
    known = [repeat for repeat in rollout.repeats if repeat is not None]
    counts["repeats"], counts["repeats_failed"] = len(known), len(rollout.repeats) - len(known)
    for k, label in enumerate(rollout.labels):
        others = [repeat[k] for repeat in known]
        flips = sum(other != label for other in others)
        counts["pairs"] += len(others)
        counts["flips"] += flips
        counts["to_invalid" if label else "to_valid"] += flips
        counts["split_steps"] += flips > 0
    return counts


def why_unknown(rollout: Rollout) -> str | None:
    """Why the answer's reward is not known: no output, or an error of the reward; None if it is known."""
    if rollout.wrong is not None:
        return None
    if rollout.failure:
        return f"no output: {rollout.failure}"
    if rollout.errors:
        return f"reward error: {next(iter(rollout.errors.values()))}"
    return "not judged" if rollout.judge_status.startswith("skipped:not_judged") else "reward not known"


def plain_answer(text: str) -> str:
    """An answer as it is counted: lower case, single spaces, no mark at its ends."""
    return re.sub(r"\s+", " ", text).strip(" .,;:!?\"'`*()[]").casefold()[:200]
