"""The claim, felt by the policy: in a real training of the chain world each value is pushed as the method says.

Early-failure rates cannot tell the published factor from a flat one (docs/evidence.md, hypothesis 3). So the push that
the loss gave to each chosen value is recorded in training and held against the method, worked out once more in plain
Python from scenes and choices: A of the group, the state of the answer, the validity of each step.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from recipe.mrpo.credit.shaping.mrpo import step_advantages
from recipe.mrpo.worlds import credit
from recipe.mrpo.worlds.arms import MAIN, Arm
from recipe.mrpo.worlds.chain.scene import ChainWorld
from recipe.mrpo.worlds.chain.train import Pushes, RunSettings, run
from recipe.mrpo.worlds.judges import JudgeFaults

WORLD = ChainWorld()
SOME_FAIL = JudgeFaults(fail=0.2)
METHOD = replace(MAIN["mrpo"], judge="local", faults=SOME_FAIL)


def advantage(rewards: list[tuple[float, float | None]]) -> list[float]:
    """(R - mean) / (std + 1e-4) of one group; an unknown process reward counts as the mean of the known ones."""
    known = [process for _, process in rewards if process is not None]
    mean = sum(known) / len(known) if known else 0.0
    total = [answer + (mean if process is None else process) for answer, process in rewards]
    spread = statistics.stdev(total) + 1e-4
    return [(r - statistics.fmean(total)) / spread for r in total]


def follows(clues: list[int], values: list[int]) -> list[bool]:
    return [value == (clue + (values[k - 1] if k else 0)) % WORLD.values
            for k, (clue, value) in enumerate(zip(clues, values, strict=True))]  # fmt: skip


def pushes(arm: Arm) -> Mapping[tuple[str, int], float]:
    """Mean push, in units of |A| (of A for what keeps A), by what a step was and by its position."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)

    def watch(update: Pushes) -> None:
        chosen, clues = update.choices.tolist(), update.scenes.clues.tolist()
        valid = [follows(c, v) for c, v in zip(clues, chosen, strict=True)]
        right = [sum(c) % WORLD.values == v[-1] for c, v in zip(clues, chosen, strict=True)]
        failed = [any(map(math.isnan, row)) for row in update.judged.tolist()]
        process = [None if f else sum(v) / len(v) for f, v in zip(failed, valid, strict=True)]
        for group in set(update.groups):
            rows = [i for i, g in enumerate(update.groups) if g == group]
            for i, a in zip(rows, advantage([(float(right[i]), process[i]) for i in rows]), strict=True):
                for k, push in enumerate(update.push[i].tolist()):
                    kept = "right" if right[i] else "unknown" if failed[i] else None
                    what = kept or ("valid" if valid[i][k] else "invalid")
                    if abs(a) > 1e-6:
                        found[what, k].append(push / (a if kept else abs(a)))

    run(WORLD, arm, RunSettings(updates=12, lr=4e-3, kl=0.0, test_scenes=10), seed=0, watch=watch)
    assert min(map(len, found.values())) >= 10 and len(found) == 4 * WORLD.steps
    return {place: statistics.fmean(ratios) for place, ratios in found.items()}


def expected(what: str, k: int) -> float:
    return -math.exp(1 - k / (WORLD.steps - 1)) if what == "invalid" else 1.0


def differences(arm: Arm) -> dict[tuple[str, int], float]:
    """Places at which the mean push is not the method's."""
    return {place: mean for place, mean in pushes(arm).items() if abs(mean - expected(*place)) > 1e-3}


def test_in_training_an_invalid_step_is_pushed_down_from_e_at_the_first_to_one_at_the_last():
    """And a valid step of a wrong rollout up by |A|; a right rollout, and one without a judgement, keeps A."""
    assert differences(METHOD) == {}


def rule(**changed):
    """The published rule with one thing changed."""

    def broken(advantages, labels, num_steps, wrong, *, factor_base, round_factors):
        labels, wrong = changed.get("labels", lambda v: v)(labels), changed.get("wrong", lambda w: w)(wrong)
        base = changed.get("base", factor_base)
        out = step_advantages(advantages, labels, num_steps, wrong, factor_base=base, round_factors=round_factors)
        return changed.get("out", lambda out, *_: out)(out, advantages[:, None], labels, wrong[:, None])

    return broken


def signed(out, plain, labels, wrong):
    """A in the place of |A|."""
    return torch.where(wrong & (plain < 0), -out, out)


def turned(out, plain, labels, wrong):
    """The factors of the last step first."""
    down = wrong & (labels == 0)
    return torch.where(down, -math.e * plain**2 / out.abs().clamp(min=1e-9), out)


upside_down = rule(out=lambda out, plain, labels, wrong: torch.where(wrong & ~labels.isnan(), -out, out))
invalid_up = rule(out=lambda out, plain, labels, wrong: torch.where(wrong & (labels == 0), -out, out))
label_of_the_step_before = rule(labels=lambda v: v.roll(1, dims=1))
label_of_the_step_after = rule(labels=lambda v: v.roll(-1, dims=1))
factor_lost = rule(base=1.0)
factor_turned = rule(out=turned)
right_for_wrong = rule(wrong=lambda w: ~w)
all_wrong = rule(wrong=torch.ones_like)
signed_advantage = rule(out=signed)

BROKEN = ("upside_down", "invalid_up", "label_of_the_step_before", "label_of_the_step_after", "factor_lost",
          "factor_turned", "right_for_wrong", "all_wrong", "signed_advantage")  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_rule_is_seen_in_the_pushes(broken):
    assert differences(replace(METHOD, shaping=f"{__name__}:{broken}"))


def test_a_failed_judgement_that_counts_as_zero_is_seen_in_the_pushes():
    """Its rollouts are then among the judged ones, and their steps are pushed down whatever they are."""
    with pytest.raises(AssertionError, match="len"):
        differences(replace(METHOD, faults=replace(SOME_FAIL, failed_as="zero")))


def test_a_mean_that_stays_in_the_advantage_is_seen_in_the_pushes(monkeypatch):
    right = credit.group_advantages
    monkeypatch.setattr(credit, "group_advantages", lambda rewards, groups, **how: right(rewards, groups, **how) + 0.1)
    assert differences(METHOD)
