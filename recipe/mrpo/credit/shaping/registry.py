"""Ways to turn step labels into step advantages, chosen by `mrpo.shaping`. Pure tensors, one small strategy each.

Notation: A_i the group-relative advantage, v_k the label of step k, k* the first invalid step, "wrong" R_ans <= tau.
A token outside every step keeps A_i under every strategy, and a rollout whose labels are unknown keeps it everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from recipe.mrpo.credit.group import step_advantages

StepRule = Callable[..., torch.Tensor]
"""(advantages (B,), labels (B, K), num_steps (B,), wrong (B,), *, base, round_factors) -> (B, K) float64."""


@dataclass(frozen=True)
class Shaping:
    name: str
    steps: StepRule
    process_only_if_right: bool = False
    """Count the process reward of a wrong rollout as 0 before group statistics."""


def unshaped(advantages, labels, num_steps, wrong, *, base, round_factors):
    """A_i on every step: GRPO on the same rewards, with unknown rewards left out of the group statistics."""
    return advantages.to(torch.float64)[:, None].expand(-1, labels.shape[1])


def verified_prefix(advantages, labels, num_steps, wrong, *, base, round_factors):
    """Reward the steps before the first error of a wrong rollout, penalise from it on.

        wrong, k <  k*      +|A_i|
        wrong, k >= k*      -|A_i|
        otherwise            A_i        (right, no invalid step, or labels unknown)

    The idea of VPPO in advantage form; the paper itself puts a reward on the last token of the prefix and keeps its
    own weights. Source of the idea: arXiv 2601.18984, abstract and section 4.
    """
    advantage = advantages.to(torch.float64)[:, None]
    failed = (labels == 0).cumsum(dim=1) > 0
    size = advantage.abs()
    shaped = torch.where(failed, -size, size)
    return torch.where(wrong[:, None] & failed[:, -1:], shaped, advantage) if labels.shape[1] else labels


SHAPINGS = {
    s.name: s
    for s in (
        Shaping("mrpo", step_advantages),
        Shaping("none", unshaped),
        Shaping("vppo", verified_prefix),
        # P-GRPO, arXiv 2508.05170: a process reward counts only where the outcome is right; no step is reshaped.
        Shaping("pgrpo", unshaped, process_only_if_right=True),
    )
}
