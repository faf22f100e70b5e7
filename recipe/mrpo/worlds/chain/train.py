"""One run of the chain world: a policy trained by one arm with one seed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from recipe.mrpo.rollout.first_failure import failure_after, first_failure_position
from recipe.mrpo.rollout.record import is_wrong
from recipe.mrpo.worlds.arms import Arm
from recipe.mrpo.worlds.chain.policy import Policy, started
from recipe.mrpo.worlds.chain.scene import ChainWorld, Scenes, draw, labels
from recipe.mrpo.worlds.credit import step_advantages
from recipe.mrpo.worlds.judges import degrade, leave_groups_out

EARLY = 1 / 3


@dataclass(frozen=True)
class RunSettings:
    """What all arms share."""

    updates: int = 100
    prompts: int = 8
    rollouts: int = 8
    lr: float = 2e-3
    kl: float = 0.04
    """Weight of the k3 estimate of the divergence from the start, in the loss."""
    near: float = 0.0
    """Answer reward of a value one beside the right one: above 0 the answer reward is graded, and tau matters."""
    test_scenes: int = 2000
    test_every: int = 0
    """Updates between two tests, the first one before any update; 0: at the end alone."""


def answer_reward(world: ChainWorld, given: torch.Tensor, right: torch.Tensor, *, near: float) -> torch.Tensor:
    """(B,) float64: 1 for the right value, `near` for one beside it (mod V), else 0."""
    apart = (given - right) % world.values
    beside = (apart == 1) | (apart == world.values - 1)
    return torch.where(apart == 0, 1.0, torch.where(beside, near, 0.0)).to(torch.float64)


@dataclass(frozen=True)
class Pushes:
    """One update as a policy felt it, for those who watch a run."""

    scenes: Scenes
    choices: torch.Tensor
    """(B, K) chosen values."""
    judged: torch.Tensor
    """(B, K) labels, NaN where the judgement failed."""
    groups: list[int]
    push: torch.Tensor
    """(B, K) how hard the loss pushes each chosen value up: -B K dL / d log p. Without KL it is the advantage."""


def update(policy: Policy, start: Policy, optimizer, scenes: Scenes, choices, credit, *, kl: float) -> torch.Tensor:
    """One on-policy step: sequence-mean then batch-mean of -A log p + kl (e^d - d - 1), d = log p_start - log p.

    Returns `Pushes.push`.
    """
    log_probs = policy.log_probs(scenes.pictures, choices)
    log_probs.retain_grad()
    with torch.no_grad():
        reference = start.log_probs(scenes.pictures, choices)
    apart = reference - log_probs
    loss = (-credit.float() * log_probs + kl * (apart.exp() - apart - 1)).mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    assert log_probs.grad is not None
    return -log_probs.grad * log_probs.numel()


@torch.no_grad()
def test(world: ChainWorld, policy: Policy, *, scenes: int, seed: int) -> dict[str, float]:
    """Accuracy and where reasoning fails first, on fresh scenes by exact scene labels; rates over all rollouts."""
    generator = torch.Generator().manual_seed(seed)
    fresh = draw(world, scenes, generator)
    choices = policy.sample(fresh.pictures, generator)
    rows = [tuple(int(v) for v in row) for row in labels(world, fresh, choices, "scene").tolist()]
    first = [first_failure_position(row) for row in rows]
    failing = [p for p in first if p is not None]
    early = sum(p < EARLY for p in failing)
    after = [failure_after(row) for row in rows if 0 in row]
    return {
        "accuracy": float((choices[:, -1] == fresh.truth[:, -1]).double().mean()),
        "early_rate": early / scenes,
        "early_share": early / len(failing) if failing else 0.0,
        "valid_steps": sum(map(sum, rows)) / (scenes * world.steps),
        "failure_after": sum(a for a in after if a is not None) / len(after) if after else 0.0,
    }


def run(
    world: ChainWorld, arm: Arm, settings: RunSettings, *, seed: int, watch: Callable[[Pushes], None] | None = None
) -> list[dict[str, float]]:
    """Results at the tested updates. Seeds are paired: start, scenes and sampling noise do not depend on the arm.

    `watch` is called after every update.
    """
    start = started(world, seed=seed)
    policy = copy.deepcopy(start)
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.lr)
    results = []

    def tested(number: int) -> None:
        results.append({"update": number, **test(world, policy, scenes=settings.test_scenes, seed=7_919 + seed)})

    if settings.test_every:
        tested(0)
    groups = [p for p in range(settings.prompts) for _ in range(settings.rollouts)]
    for number in range(1, settings.updates + 1):
        generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + number)
        scenes = draw(world, settings.prompts, generator).repeat(settings.rollouts)
        choices = policy.sample(scenes.pictures, generator)
        reward = answer_reward(world, choices[:, -1], scenes.truth[:, -1], near=settings.near)
        wrong = torch.tensor([is_wrong(r, tau=arm.tau) for r in reward.tolist()])
        judged = degrade(labels(world, scenes, choices, arm.judge), arm.faults, generator)
        judged = leave_groups_out(judged, arm.share, groups, generator)
        credit, _ = step_advantages(arm, reward, judged, groups, wrong)
        push = update(policy, start, optimizer, scenes, choices, credit, kl=settings.kl)
        if watch is not None:
            watch(Pushes(scenes, choices, judged, groups, push))
        if number == settings.updates or (settings.test_every and number % settings.test_every == 0):
            tested(number)
    return results
