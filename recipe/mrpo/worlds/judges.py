"""How an exact judge is degraded on purpose: flipped labels, labels flipped early, judgements that fail.

The exact labels are those of world.py, for both worlds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

FAILED = ("unknown", "zero")


@dataclass(frozen=True)
class JudgeFaults:
    """How a judge is degraded; all 0: exact."""

    flip: float = 0.0
    """Chance that a label is turned round."""
    flip_first: float = 0.0
    """The same for the first step alone, on top of `flip`."""
    fail: float = 0.0
    """Chance that the judgement of a whole rollout fails."""
    failed_as: str = "unknown"
    """What a failed judgement becomes: `unknown`, as in this package, or `zero`: labels of 0, as in released code."""


EXACT = JudgeFaults()


def degrade(labels: torch.Tensor, faults: JudgeFaults, generator: torch.Generator) -> torch.Tensor:
    """(B, K) float64 labels with the faults of a judge; NaN where a judgement failed and stays unknown."""
    if faults.failed_as not in FAILED:
        raise ValueError(f"failed_as must be one of {', '.join(FAILED)}, not {faults.failed_as!r}")
    chance = torch.full(labels.shape, faults.flip, dtype=torch.float64)
    chance[:, 0] = 1 - (1 - chance[:, 0]) * (1 - faults.flip_first)
    turned = torch.rand(labels.shape, generator=generator, dtype=torch.float64) < chance
    out = torch.where(turned, 1 - labels, labels)
    failed = torch.rand(len(labels), generator=generator, dtype=torch.float64) < faults.fail
    out[failed] = 0.0 if faults.failed_as == "zero" else torch.nan
    return out


def leave_groups_out(
    labels: torch.Tensor, share: float, groups: Sequence[int], generator: torch.Generator
) -> torch.Tensor:
    """(B, K) labels; NaN in groups that are not judged, each with a chance of 1 - `share`, all rollouts alike."""
    if share >= 1:
        return labels
    judged = torch.rand(max(groups) + 1, generator=generator, dtype=torch.float64) < share
    return torch.where(judged[torch.tensor(groups)][:, None], labels, torch.nan)
