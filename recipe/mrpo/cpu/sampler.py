"""Finished rollouts are asked for five times a second: verl asks every two seconds, longer than a step of a tiny model.

Named by verl's own hook `trainer.v1.sampler.custom_sampler`. verl hands a sampler of that hook no group filter and no
refill of failed groups, so it is for runs that use neither (worlds/drawn/training.py).
"""

from __future__ import annotations

from typing import Any

POLL_SECONDS = 0.2


def eager_sampler(*, trainer_mode: str, **settings: Any) -> Any:
    """verl's own replay buffer of that trainer mode, with a shorter wait between two questions."""
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

    kind = ReplayBuffer if trainer_mode == "sync" else ReplayBufferAsync
    return kind(trainer_mode=trainer_mode, poll_interval=POLL_SECONDS, **settings)
