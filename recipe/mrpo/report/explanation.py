"""The arithmetic of one rollout, line by line, in the symbols of the paper.

Nothing of `credit/` is used: the lines check what the actor was given. Source: arXiv 2606.31825.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.rollouts import Rollout
from recipe.mrpo.report.recompute import EPSILON, group_advantages, step_advantages

safe = partial(printable, limit=400)
CLOSE = 1e-4
"""Advantages travel as float32; a difference above this is another formula."""


def explanation(rollout: Rollout, siblings: Sequence[Rollout], *, tau: float, base: float) -> list[str]:
    """Lines on one rollout: rewards, group, A_i, and of each step its label, factor and advantage.

    `siblings`: the rollouts of its group, itself among them. `tau`, `base`: options of the run that a dump does not
    hold. Where the dump has other advantages than the formula gives, a line says so.
    """
    return [
        *_head(rollout),
        "",
        *_rewards(rollout, tau=tau),
        "",
        *_group(rollout, siblings),
        "",
        *_steps(rollout, siblings, tau=tau, base=base),
    ]


def _head(rollout: Rollout) -> Iterator[str]:
    where = [
        rollout.origin,
        *([] if rollout.step is None else [f"step {rollout.step}"]),
        f"sample {rollout.sample + 1}",
    ]
    yield f"rollout   {rollout.id}   {safe(rollout.run)}, {', '.join(where)}, {safe(rollout.data_source) or 'no set'}"
    yield f"question  {safe(rollout.question)}"
    yield f"gold      {safe(' | '.join(rollout.gold))}"
    yield f"answer    {'(none)' if rollout.answer is None else safe(rollout.answer)}"


def _rewards(rollout: Rollout, *, tau: float) -> Iterator[str]:
    terms, total = [], 0.0
    for name, value in rollout.rewards.items():
        weight = rollout.weights.get(name, 0.0)
        if not weight:
            continue
        shown = "unknown" if value is None else f"{value:+.3f}"
        terms.append(f"{weight:g} x {safe(name)} {shown}")
        total += 0.0 if value is None else weight * value
    yield f"R_i       {total:+.3f} = {' + '.join(terms) or 'no reward with a weight'}"
    answer = rollout.rewards.get("answer")
    if answer is None:
        yield "R_ans     unknown: neither right nor wrong, so no step is reshaped"
    else:
        sign, word = ("<=", "wrong") if answer <= tau else (">", "right")
        yield f"R_ans     {answer:.3f} {sign} tau = {tau:g}: {word}"
        if rollout.wrong is not None and rollout.wrong != (answer <= tau):
            yield f"          the run says {'wrong' if rollout.wrong else 'right'}: its mrpo.tau is another; give --tau"


def _group(rollout: Rollout, siblings: Sequence[Rollout]) -> Iterator[str]:
    if rollout.origin != "train":
        yield f"A_i       not computed: a rollout of {rollout.origin} has no group that an actor learned from"
        return
    totals = [sum(s.weights[n] * v for n, v in s.rewards.items() if v is not None) for s in siblings]
    unknown = sum(any(v is None and s.weights[n] for n, v in s.rewards.items()) for s in siblings)
    yield f"group     {len(siblings)} rollouts, R = {' '.join(f'{t:+.3f}' for t in totals)}"
    if unknown:
        yield f"          {unknown} have an unknown reward; it counts as the mean of the known ones of the group"
    given = _group_advantage(rollout, siblings)
    if len(siblings) < 2 or max(totals) - min(totals) < 1e-9:
        yield "A_i       0: the group has nothing to compare"
    elif unknown:
        yield f"A_i       {given:+.4f}"
    else:
        mean, std = statistics.fmean(totals), statistics.stdev(totals)
        own = totals[list(siblings).index(rollout)]
        yield f"A_i       ({own:+.3f} - {mean:+.3f}) / ({std:.3f} + {EPSILON:g}) = {given:+.4f}"
    if rollout.advantage is not None and abs(rollout.advantage - given) > CLOSE:
        yield (
            f"          the actor was given {rollout.advantage:+.4f}: another estimator (gdpo, no division by std), a "
            "KL penalty in the reward, or a group that spans files"
        )


def _steps(rollout: Rollout, siblings: Sequence[Rollout], *, tau: float, base: float) -> Iterator[str]:
    count = len(rollout.steps)
    if not count:
        yield "steps     none: every token has A_i"
        return
    if rollout.labels is None:
        yield f"labels    unknown ({safe(rollout.judge_status)}): every step keeps A_i"
    train = rollout.origin == "train"
    advantage = _group_advantage(rollout, siblings) if train else None
    if rollout.advantage is not None:
        advantage = rollout.advantage  # so that a line below is about the step, not about the group
    expected = None if advantage is None else step_advantages(_record(rollout), advantage, tau=tau, base=base)
    given = rollout.step_advantages or (None,) * count
    yield f"{'k':>3}  v_k  {'f_k':>5}  {'a_k':>8}  tokens  step"
    differs = False
    for k in range(count):
        label = "?" if rollout.labels is None else str(rollout.labels[k])
        factor = f"{base ** (1 - k / (count - 1)) if count > 1 else 1.0:.3f}" if label == "0" else ""
        tokens = rollout.spans[k][1] - rollout.spans[k][0] if rollout.spans else 0
        value = "-" if expected is None else f"{expected[k]:+.4f}"
        own = given[k]
        mark = ""
        if own is not None and expected is not None and abs(own - expected[k]) > CLOSE * max(1.0, abs(expected[k])):
            mark, differs = f"  [given {own:+.4f}]", True
        yield f"{k + 1:>3}  {label:>3}  {factor:>5}  {value:>8}  {tokens:>6}  {safe(rollout.steps[k])}{mark}"
        reason = rollout.reasons[k] if rollout.reasons else None
        if reason:
            yield f"{'':33}judge: {safe(reason)}"
    if advantage is not None:
        inside = sum(t1 - t0 for t0, t1 in rollout.spans)
        outside = "" if rollout.response_tokens is None else f", {rollout.response_tokens - inside} tokens"
        yield f"outside the steps: A_i = {advantage:+.4f}{outside}"
        yield f"wrong: a_k = +|A_i| for v_k = 1, -f_k |A_i| for v_k = 0, f_k = {base:.4g}^(1 - (k-1)/(K-1)); right: A_i"
    if differs:
        yield "The actor was given other advantages than this rule gives: another mrpo.shaping, factor_base or tau."


def _group_advantage(rollout: Rollout, siblings: Sequence[Rollout]) -> float:
    rows = [{"mrpo": _record(one)} for one in siblings]
    return group_advantages(rows)[list(siblings).index(rollout)]


def _record(rollout: Rollout) -> dict[str, object]:
    return {
        "weights": rollout.weights,
        "rewards": rollout.rewards,
        "labels": rollout.labels,
        "steps": rollout.steps,
    }
