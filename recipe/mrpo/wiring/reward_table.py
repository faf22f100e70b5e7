"""The records of a batch as tensors: rewards, labels, and which groups have nothing to compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import chain

import numpy as np
import torch

from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.rollout.record import RolloutRecord

LARGEST = 1e30
"""Largest weighted reward: advantages without division by the group's deviation must fit into float32."""

Records = Sequence[RolloutRecord | None]


def reward_matrix(records: Records) -> tuple[torch.Tensor, dict[str, float], torch.Tensor]:
    """Rewards (B, M) float64 before weights, the weight of each by name, and which of them are unknown (B, M) bool.

    Rewards of weight 0 are left out. A row without a record has unknown rewards. Raises ValueError naming the reward
    for a value that is not finite or so large that no advantage can be computed with it.
    """
    seen: dict[str, float] = {}
    for record in records:
        if record is not None:
            seen.update(record.weights)
    weights = {name: weight for name, weight in seen.items() if weight != 0} or {"none": 1.0}
    names = list(weights)
    flat = [None if r is None else r.rewards.get(name) for r in records for name in names]
    values = np.array(flat, dtype=np.float64).reshape(len(records), len(names))  # None becomes NaN
    missing = np.isnan(values)
    for row, column in np.argwhere(missing):  # a reward that was given as NaN is not missing
        missing[row, column] = flat[row * len(names) + column] is None
    values[missing] = 0.0
    too_large = ~(np.abs(values) * np.abs(list(weights.values())) <= LARGEST)  # nan is not <= anything
    if too_large.any():
        row, column = np.argwhere(too_large)[0]
        name = names[column]
        raise ValueError(
            f"mrpo.rewards.{name} is {values[row, column]:g} with weight {weights[name]:g} for a rollout of this "
            f"batch; weight times value must be a number of at most {LARGEST:g} in size. Correct the reward, or lower "
            f"mrpo.rewards.{name}.weight."
        )
    return torch.from_numpy(values), weights, torch.from_numpy(missing)


def weighted_rewards(records: Records, *, process_only_if_right: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted rewards (B, M) float64 with their sum R, and which of them are unknown (B, M) bool.

    `process_only_if_right`: the process reward of a wrong rollout counts as 0 (`Shaping`); that of a rollout that is
    neither right nor wrong is unknown.
    """
    states = answer_states(records)
    return weighted(*reward_matrix(records), *states, process_only_if_right=process_only_if_right)


def weighted(
    values: torch.Tensor, weights: Mapping[str, float], missing: torch.Tensor, wrong: torch.Tensor,
    undecided: torch.Tensor, *, process_only_if_right: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The same of what `reward_matrix` and `answer_states` give; leaves its arguments as they are."""
    rewards = values * torch.tensor(list(weights.values()), dtype=torch.float64)
    if process_only_if_right and "process" in weights:
        column = list(weights).index("process")
        missing = missing.clone()
        missing[:, column] |= undecided
        rewards[wrong & ~missing[:, column], column] = 0.0
    return rewards, missing


def answer_states(records: Records) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rollouts are wrong (B,) bool, and which are neither right nor wrong because their answer is unknown."""
    states = [None if r is None else r.wrong for r in records]
    wrong = np.fromiter((state is True for state in states), dtype=bool, count=len(states))
    undecided = np.fromiter((state is None for state in states), dtype=bool, count=len(states))
    return torch.from_numpy(wrong), torch.from_numpy(undecided)


def label_matrix(records: Records, used: Sequence[bool]) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (B, K) float64 with NaN for unknown, and the number of steps (B,) int64.

    `used`: rows with labels that the shaping rule may read; the others have NaN.
    """
    counts = np.fromiter((0 if r is None else len(r.steps) for r in records), dtype=np.int64, count=len(records))
    given = [r.labels if u and r is not None and r.labels else () for r, u in zip(records, used, strict=True)]
    known = np.fromiter(map(len, given), dtype=np.int64, count=len(given))
    table = np.full((len(records), counts.max(initial=0)), np.nan)
    flat = np.fromiter(chain.from_iterable(given), dtype=np.float64, count=int(known.sum()))
    table[np.arange(table.shape[1]) < known[:, None]] = flat
    return torch.from_numpy(table), torch.from_numpy(counts)


def flat_groups(records: Records, groups: Sequence[Hashable], *, process_only_if_right: bool) -> tuple[int, int]:
    """Groups in which every rollout has advantage 0, so that nothing is learned from them, and all groups.

    Rows without a record belong to no group.
    """
    rows = [(record, group) for record, group in zip(records, groups, strict=True) if record is not None]
    if not rows:
        return 0, 0
    kept, ids = [record for record, _ in rows], [group for _, group in rows]
    rewards, missing = weighted_rewards(kept, process_only_if_right=process_only_if_right)
    spread: defaultdict[Hashable, bool] = defaultdict(bool)
    advantages = group_advantages(rewards, ids, norm_by_std=False, missing=missing).tolist()
    for group, advantage in zip(ids, advantages, strict=True):
        spread[group] |= advantage != 0
    return sum(not any_spread for any_spread in spread.values()), len(spread)
