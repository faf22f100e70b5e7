"""One arm of the drawn world as verl's own command; all arms share everything but the advantage and the judge."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JUDGES = "recipe.mrpo.worlds.drawn.judge"
GRPO = {"algorithm.adv_estimator": "mrpo", "++mrpo.shaping": "none"}
"""GRPO's advantage by our estimator, as in recipe/mrpo/methods.py."""
MRPO = {"algorithm.adv_estimator": "mrpo", "++mrpo.shaping": "mrpo"}


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    what: str
    settings: Mapping[str, Any]
    judge: str = "local"
    judge_options: Mapping[str, Any] = field(default_factory=dict)


FLAT = {
    "algorithm.adv_estimator": "mrpo",
    "++mrpo.shaping": "step_credit",
    "++mrpo.shaping_options.factor": "flat",
    "++mrpo.shaping_options.equal_mean": True,
}
ARMS: dict[str, Arm] = {
    "grpo": Arm("answer and process reward, no shaping", GRPO),
    "mrpo": Arm("published step credit", MRPO),
    "gdpo": Arm("the same rewards, each normalised by itself", {"algorithm.adv_estimator": "gdpo"}),
    "flat": Arm("step credit with one factor of the same mean", FLAT),
    "vppo": Arm(
        "verified prefix rewarded, the rest penalised",
        {"algorithm.adv_estimator": "mrpo", "++mrpo.shaping": "vppo"},
    ),
    "outcome": Arm("answer reward alone", {**GRPO, "++mrpo.rewards.process.weight": 0.0}),
}


@dataclass(frozen=True)
class Settings:
    """What all arms share; small updates, so that arms still differ after the last one (docs/evidence.md)."""

    steps: int = 60
    prompts: int = 4
    rollouts: int = 4
    lr: float = 3e-4
    kl: float = 0.04


def command(arm: Arm, settings: Settings, *, seed: int, data: Path, model: Path, out: Path) -> list[str]:
    """The command of a run. It leaves rollouts of each step and a validation after the last one in `out`."""
    batch = settings.prompts * settings.rollouts
    values: dict[str, Any] = {
        "data.train_files": data / "train.parquet",
        "data.val_files": f"[{data / 'test.parquet'},{data / 'shifted.parquet'}]",
        "data.train_batch_size": settings.prompts,
        "data.max_prompt_length": 64,
        "data.max_response_length": 32,
        "data.val_batch_size": 256,
        "data.seed": seed,
        "actor_rollout_ref.model.path": model,
        "actor_rollout_ref.rollout.n": settings.rollouts,
        "actor_rollout_ref.rollout.seed": seed,
        "actor_rollout_ref.rollout.max_num_seqs": 64,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": batch,
        "actor_rollout_ref.rollout.val_kwargs.do_sample": True,
        "actor_rollout_ref.rollout.val_kwargs.temperature": 1.0,
        "actor_rollout_ref.rollout.val_kwargs.n": 2,
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": batch,
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": batch,
        "actor_rollout_ref.actor.optim.lr": settings.lr,
        "actor_rollout_ref.actor.optim.weight_decay": 0.0,
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_coef": settings.kl,
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
        "reward.reward_manager.name": "mrpo",
        "trainer.v1.sampler.custom_sampler.path": "pkg://recipe.mrpo.cpu.sampler",
        "trainer.v1.sampler.custom_sampler.name": "eager_sampler",
        "++mrpo.judge.name": f"{JUDGES}:{arm.judge}",
        **{f"++mrpo.judge.options.{name}": value for name, value in {"seed": seed, **arm.judge_options}.items()},
        "trainer.total_training_steps": settings.steps,
        "trainer.val_before_train": False,
        "trainer.test_freq": settings.steps,
        "trainer.save_freq": -1,
        "trainer.default_local_dir": out / "checkpoints",
        "trainer.rollout_data_dir": out / "rollouts",
        "trainer.validation_data_dir": out / "validation",
        "hydra.run.dir": out / "hydra",
        "+ray_kwargs.ray_init.address": "local",
        **arm.settings,
    }
    head = [sys.executable, "-m", "verl.trainer.main_ppo", "--config-name", "mrpo_cpu"]
    return [*head, *(f"{name}={value}" for name, value in values.items()), 'trainer.logger=["console","file"]']
