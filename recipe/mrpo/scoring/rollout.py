"""The one place that scores a rollout: `begin` computes the answer reward, a judge labels the steps, `finish` the rest.

An error of a reward makes its value unknown, never 0, and is counted; so does a user's own reward that takes too long.
Pure: no verl, no judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from omegaconf import DictConfig

from recipe.mrpo.common.time_limit import LimitedCalls
from recipe.mrpo.rollout.parsing import parse
from recipe.mrpo.rollout.record import is_wrong, weighted_sum
from recipe.mrpo.rollout.steps import Step, split_steps
from recipe.mrpo.scoring.faults import CAUGHT, Told, ends_the_run
from recipe.mrpo.scoring.row import BadRow, Row
from reward_fns.build import build_rewards, labels_are_read
from reward_fns.registry import Reward, RewardInput


@dataclass(frozen=True)
class Case:
    """A rollout with a scored answer and without step labels, as the judge gets it."""

    given: RewardInput
    steps: tuple[Step, ...]
    values: Mapping[str, float | None]
    errors: Mapping[str, str]
    wrong: bool | None
    """None: the answer reward is unknown."""
    answer_parts: Mapping[str, float] = field(default_factory=dict)
    """The parts of the answer reward, if it reports them."""

    @property
    def step_texts(self) -> list[str]:
        return [self.given.parsed.text[step.start : step.end] for step in self.steps]


@dataclass(frozen=True)
class Score:
    """Rewards, labels and errors of a scored rollout."""

    values: Mapping[str, float | None]
    """Value of each reward before its weight; None: unknown."""
    weights: Mapping[str, float]
    errors: Mapping[str, str]
    """Kind of the error by the reward that raised it."""

    @property
    def total(self) -> float:
        return weighted_sum(self.values, self.weights)


class Scorer:
    """The rewards of a run, ready to score rollouts. Raises ValueError naming the faulty option."""

    def __init__(self, options: DictConfig) -> None:
        self.options = options
        self.rewards = build_rewards(options.rewards, tau=options.tau)
        self.weights = {reward.name: reward.weight for reward in self.rewards}
        self.reads_labels = labels_are_read(self.rewards)
        self.asks_for_verdict = options.rewards.answer.mode == "judge"
        node = options.steps
        self._steps = {"splitter": node.splitter, "unclosed_think": node.unclosed_think, "source": node.source}
        self.told = Told()
        self._own_calls = {reward.name: LimitedCalls() for reward in self.rewards if reward.own}

    def begin(self, text: str, row: Row | BadRow) -> Case:
        """Parse the rollout, cut its reasoning into steps, rate its answer. Every reward of a bad row is unknown."""
        bad, row = (row, Row()) if isinstance(row, BadRow) else (None, row)
        parsed = parse(text)
        steps = split_steps(parsed, **self._steps)
        given = RewardInput(
            parsed=parsed,
            prediction=parsed.answer,
            gold=row.gold,
            gold_reasoning=row.gold_reasoning,
            num_steps=len(steps),
            labels=None,
            overall=None,
            question=row.question,
            answer_correct=None,
            extra_info=row.extra_info,
        )
        if bad is not None:
            values = dict.fromkeys(self.weights)
            return Case(given, tuple(steps), values, {"row": self.told("a row of the data", bad)}, None)
        errors: dict[str, str] = {}
        parts: dict[str, float] = {}
        answer = self.rewards[0]  # build_rewards puts it first: the rest may depend on whether it is right
        value = self._value(answer, given, errors, parts)
        wrong = None if value is None else is_wrong(value, tau=self.options.tau)
        return Case(given, tuple(steps), {answer.name: value}, errors, wrong, parts)

    def decided(self, case: Case, verdict: int | None) -> Case:
        """The case with the judge's verdict on the answer in the place of the text measure (mode=judge).

        A verdict that failed is unknown, or with fallback=text what the measure says.
        """
        if not self.asks_for_verdict or "row" in case.errors:
            return case
        if verdict is None and self.options.rewards.answer.fallback == "text":
            return case
        value = None if verdict is None else float(verdict)
        wrong = None if value is None else is_wrong(value, tau=self.options.tau)
        return replace(case, values={**case.values, self.rewards[0].name: value}, wrong=wrong, answer_parts={})

    def finish(self, case: Case, labels: Sequence[int] | None, overall: int | None) -> Score:
        """All rewards, given the steps' labels (None: unknown) and the grade of the whole."""
        right = None if case.wrong is None else not case.wrong
        given = replace(case.given, labels=labels, overall=overall, answer_correct=right)
        errors, values = dict(case.errors), dict(case.values)
        for reward in self.rewards:
            if reward.name not in values:
                values[reward.name] = self._value(reward, given, errors)
        return Score(values, self.weights, errors)

    def _value(
        self, reward: Reward, given: RewardInput, errors: dict[str, str], parts: dict[str, float] | None = None
    ) -> float | None:
        try:
            if reward.own:
                limit_s = self.options.guards.reward_timeout_s
                return self._own_calls[reward.name](reward.fn, given, limit_s=limit_s)
            if parts is None or not hasattr(reward.fn, "score"):
                return reward.fn(given)
            score = reward.fn.score(given)
            parts |= score.parts
            return score.value
        except CAUGHT as error:
            if ends_the_run(error):
                raise
            # The rollout must not leave training for an error in its reward.
            errors[reward.name] = self.told(f"mrpo.rewards.{reward.name}", error)
            return None
