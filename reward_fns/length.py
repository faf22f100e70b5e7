"""Is the reasoning as long as it should be? Lengths are counted in steps (sentences)."""

from __future__ import annotations

MODES = ("band", "ecr", "cwr")


def length_reward(num_steps: int, *, k_min: int, k_max: int, floor: float | None) -> float:
    """Penalty for too few or too many steps, at most 0.

        R_len = -(k_min - K)/k_min   if K < k_min
              = -(K - k_max)/k_max   if K > k_max
              = 0                    otherwise

    It has no lower end: 30 steps with k_max 10 cost 2. `floor` (a number <= 0) bounds it, None does not.
    Source: arXiv 2606.31825, length reward.
    """
    if num_steps < k_min:
        value = -(k_min - num_steps) / k_min
    elif num_steps > k_max:
        value = -(num_steps - k_max) / k_max
    else:
        value = 0.0
    return value if floor is None else max(floor, value)


def extended_reasoning_reward(num_steps: int, *, k_max: int) -> float:
    """ECR: longer is better whether or not the answer is right, up to k_max steps: min(K, k_max)/k_max, in [0, 1].

    The idea is that of arXiv 2505.13973 (length rewards), where it lowered accuracy; the straight line is ours.
    """
    return min(num_steps, k_max) / k_max


def correct_reasoning_reward(num_steps: int, *, k_max: int, answer_correct: bool) -> float:
    """CWR: as ECR, but a wrong answer earns 0 however long it is. Source: arXiv 2505.13973 (length rewards)."""
    return extended_reasoning_reward(num_steps, k_max=k_max) if answer_correct else 0.0
