"""What an audit says beyond kappa: measures against the first labels, dimensions, flips, cost."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from omegaconf import DictConfig

from recipe.mrpo.evaluate.judge_audit.measures import by_grade, flip_rate, kappa_of, measures
from recipe.mrpo.evaluate.judge_audit.rollouts import Rollout
from recipe.mrpo.judge.protocol import Judgement
from recipe.mrpo.judge.usage import Usage

WORDS = {
    "agreement": "agreement",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "first_error_f1": "first-error F1",
    "first_error_f1_within_1": "  within one step",
}


def further(
    rollouts: Sequence[Rollout],
    second: Sequence[Sequence[int] | None],
    judgements: Sequence[Judgement],
    repeats: Sequence[Sequence[Sequence[int] | None]],
    *,
    options: DictConfig,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Plain values. `judgements`: of the second judge, none for labels by people; `repeats`: its further labels."""
    first = [rollout.labels for rollout in rollouts]
    out: dict[str, Any] = {"measures": measures(first, second, resamples=resamples, seed=seed)}
    graded = by_grade(
        [rollout.grades for rollout in rollouts], [j.grades for j in judgements] or [None] * len(rollouts)
    )
    out["dimensions"] = {
        name: {
            "steps": len(pairs),
            "agreement": sum(a == b for a, b in pairs) / len(pairs),
            "kappa": kappa_of(pairs),
            "not_applicable_first": sum(a is None for a, _ in pairs),
            "not_applicable_second": sum(b is None for _, b in pairs),
        }
        for name, pairs in graded.items()
    }
    if repeats:
        rate, pairs = flip_rate([list(each) for each in zip(second, *repeats, strict=True)])
        out["flips"] = {"rate": rate, "pairs": pairs, "repeats": len(repeats)}
    if judgements:
        out["cost"] = _cost(reduce(operator.add, (j.usage for j in judgements)), options, len(judgements))
    return out


def _cost(usage: Usage, options: DictConfig, rollouts: int) -> dict[str, float | int | None]:
    price = options.judge.price_per_million
    money = None
    if price.prompt is not None:
        money = (usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion) / 1e6
    return {
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "seconds_per_rollout": usage.latency_s / rollouts,
        "money": money,
        "money_per_1000_rollouts": None if money is None else 1000 * money / rollouts,
    }


def further_lines(more: dict[str, Any]) -> list[str]:
    """The same as text."""
    lines = ["", "against the first labels          95 % interval"]
    for name, words in WORDS.items():
        m = more["measures"][name]
        between = "" if m["low"] is None else f"   {m['low']:.3f} to {m['high']:.3f}"
        lines.append(f"{words:20} {_number(m['value']):>7}{between}")
    if more["dimensions"]:
        lines += ["", "dimension      steps   agreement   kappa   not applicable"]
        lines += [
            f"{name:12} {d['steps']:7d} {_number(d['agreement']):>11} {_number(d['kappa']):>7}   "
            f"{d['not_applicable_first']} and {d['not_applicable_second']}"
            for name, d in more["dimensions"].items()
        ]
    if "flips" in more:
        flips = more["flips"]
        lines += [
            "",
            f"the second judge flips {_number(flips['rate'])} of its labels ({flips['pairs']} pairs of judgements)",
        ]
    if "cost" in more and more["cost"]["calls"]:
        cost = more["cost"]
        money = "" if cost["money"] is None else f", {cost['money_per_1000_rollouts']:.2f} per 1,000 rollouts"
        tokens = f"{cost['prompt_tokens']} prompt and {cost['completion_tokens']} completion tokens"
        spent = f"{cost['calls']} calls, {tokens}, {cost['seconds_per_rollout']:.2f} s a rollout{money}"
        lines += ["", f"cost of the second judge: {spent}"]
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
