"""The sampler of short steps is verl's own buffer, built by verl's own hook."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.cpu.sampler import POLL_SECONDS

pytestmark = pytest.mark.verl


@pytest.mark.parametrize(("mode", "name"), [("sync", "ReplayBuffer"), ("colocate_async", "ReplayBufferAsync")])
def test_verl_builds_its_own_buffer_with_a_shorter_wait(mode, name):
    from verl.trainer.ppo.v1 import replay_buffer
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    sampler = {
        "custom_sampler": {"path": "pkg://recipe.mrpo.cpu.sampler", "name": "eager_sampler"},
        "max_off_policy_threshold": None, "max_off_policy_strategy": "drop", "sampler_kwargs": {},
    }  # fmt: skip
    config = OmegaConf.create({"trainer": {"v1": {"sampler": sampler}}})
    trainer = SimpleNamespace(config=config, trainer_mode=mode, _add_prompts_to_generate=None)
    built = PPOTrainer._build_replay_buffer(trainer)
    assert type(built) is getattr(replay_buffer, name)
    assert built.poll_interval == POLL_SECONDS < 2
