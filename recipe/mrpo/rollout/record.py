"""The record that one rollout carries from the reward manager to the estimator, the metrics and the dumps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from recipe.mrpo.rollout.first_failure import STAGES, failure_after, first_failure_position, stage

RECORD_KEY = "mrpo_record"
"""Key of the JSON text in verl's `reward_extra_info`; verl keeps strings out of its metrics and in its dumps."""


def is_wrong(answer_reward: float, *, tau: float) -> bool:
    """R_ans <= tau: exactly tau counts as wrong. Source: arXiv 2606.31825."""
    return answer_reward <= tau


def weighted_sum(values: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """R = sum of weight * value over the rewards that are known."""
    return math.fsum(weights[name] * value for name, value in values.items() if value is not None)


@dataclass(frozen=True)
class RolloutRecord:
    """One judged rollout. Step k stands at index k - 1 of `steps`, `spans` and `labels`."""

    steps: list[str]
    spans: list[tuple[int, int]]
    """Token span [t0, t1) of each step in the response; (t, t) when no token is the step's own."""
    labels: list[int] | None
    """1 valid, 0 invalid; None when the judgement failed or was left out, which `judge_status` tells."""
    judge_status: str
    """One of "ok", "failed:<kind>" and "skipped:<reason>"."""
    rewards: dict[str, float | None]
    """Value of each reward before its weight; None when it could not be known."""
    weights: dict[str, float]
    answer: str | None
    wrong: bool | None
    """R_ans <= tau; None when the answer reward could not be known: neither right nor wrong, and not shaped."""
    well_formed: bool
    response_tokens: int
    case: dict[str, Any] = field(default_factory=dict)
    """What the rollout was about: question, gold answers, gold_reasoning, image_id, data_source."""
    judge: dict[str, Any] = field(default_factory=dict)
    """Calls, retries, latency_s, cached and token counts of the judgement."""
    errors: dict[str, str] = field(default_factory=dict)
    """Kind of the error by the reward that raised it ("rollout": an error before the rewards); its value is None."""
    fatal: str | None = None
    """Why the run must end, in a sentence; the trainer raises it."""

    def __post_init__(self):
        if len(self.spans) != len(self.steps) or (self.labels is not None and len(self.labels) != len(self.steps)):
            raise ValueError(
                f"{len(self.steps)} steps with {len(self.spans)} spans and "
                f"{'no' if self.labels is None else len(self.labels)} labels"
            )

    @property
    def total(self) -> float:
        """Weighted sum of the rewards that are known; verl gets it as `reward_score`."""
        return weighted_sum(self.rewards, self.weights)

    @property
    def complete(self) -> bool:
        """Is every reward known that counts in the sum?"""
        return all(value is not None for name, value in self.rewards.items() if self.weights.get(name, 0) != 0)

    @property
    def judge_failed(self) -> bool:
        return self.judge_status.startswith("failed")

    @property
    def unaligned_steps(self) -> int:
        return sum(t0 == t1 for t0, t1 in self.spans)

    def to_extra_info(self, *, stage_cuts: tuple[float, float]) -> dict[str, Any]:
        """`reward_extra_info` for verl: numbers become validation metrics per data source, the record is JSON.

        A number that is not known is absent, never 0: verl's mean is then over the rollouts that have it.
        """
        info: dict[str, Any] = {
            "well_formed": float(self.well_formed),
            "steps": float(len(self.steps)),
            "judge_failed": float(self.judge_failed),
            "judge_calls": float(self.judge.get("calls", 0)),
            "reward_errors": float(len(self.errors)),
        }
        if self.wrong is not None:
            info["acc"] = float(not self.wrong)
        if "latency_s" in self.judge:
            info["judge_latency_s"] = float(self.judge["latency_s"])
        info |= {f"{name}_reward": float(v) for name, v in self.rewards.items() if v is not None}
        if self.steps:
            info["unaligned_steps"] = self.unaligned_steps / len(self.steps)
        if self.labels:
            info["valid_steps"] = sum(self.labels) / len(self.labels)
            ffp = first_failure_position(self.labels)
            info["no_invalid_step"] = float(ffp is None)
            if ffp is not None:
                info["ffp"], info["far"] = ffp, failure_after(self.labels)
                info |= {f"ffp_{name}": float(stage(ffp, cuts=stage_cuts) == name) for name in STAGES}
        info[RECORD_KEY] = json.dumps(asdict(self), ensure_ascii=False)
        return info

    @classmethod
    def from_extra_info(cls, info: Mapping[str, Any] | None) -> RolloutRecord | None:
        """The record of a rollout, or None for one that has none (a padding row, a foreign reward manager)."""
        text = (info or {}).get(RECORD_KEY)
        if text is None:
            return None
        data = json.loads(text)
        data["spans"] = [tuple(span) for span in data["spans"]]
        return cls(**data)
