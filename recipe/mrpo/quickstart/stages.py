"""The stages of the quickstart as commands; nothing here runs anything."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path("examples/data/vqa_rad_sample")


@dataclass(frozen=True)
class Layout:
    """Where the files of a quickstart lie."""

    out: Path

    @property
    def data(self) -> Path:
        return self.out / "data"

    @property
    def model(self) -> Path:
        return self.out / "tiny-qwen2_5_vl"

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def export(self) -> Path:
        return self.out / "export"

    @property
    def metrics(self) -> Path:
        return self.out / "metrics"

    def last_step(self) -> int:
        """Step of the last complete checkpoint, 0 without one."""
        latest = self.checkpoints / "latest_checkpointed_iteration.txt"
        return int(latest.read_text()) if latest.exists() else 0


def data_command(layout: Layout) -> list[str]:
    return [
        sys.executable, "-m", "data_preprocess.vqa_rad", "--source", str(SAMPLE), "--out", str(layout.data),
        "--gold-reasoning", str(SAMPLE / "gold_reasoning.jsonl"), "--open-only",
    ]  # fmt: skip


def model_command(layout: Layout, seed: int) -> list[str]:
    return [
        sys.executable, "-m", "recipe.mrpo.tiny", "--backbone", "qwen2_5_vl", "--data",
        str(layout.data / "train.parquet"), "--out", str(layout.model), "--seed", str(seed),
    ]  # fmt: skip


def training_command(layout: Layout, *, steps: int, seed: int, extra: list[str]) -> list[str]:
    """The command that a user would type, `python -m verl.trainer.main_ppo algorithm.adv_estimator=mrpo …`."""
    overrides = {
        "algorithm.adv_estimator": "mrpo",
        "data.train_files": layout.data / "train.parquet",
        "data.val_files": layout.data / "test.parquet",
        "data.train_batch_size": 4,
        "data.max_response_length": 128,
        "data.seed": seed,
        "actor_rollout_ref.model.path": layout.model,
        "actor_rollout_ref.rollout.n": 8,
        "actor_rollout_ref.actor.optim.lr": "1e-4",
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_coef": 0.04,
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
        "+mrpo.guards.weight_sync_timeout_s": 60,
        "trainer.total_training_steps": steps,
        "trainer.val_before_train": True,
        "trainer.test_freq": steps,
        "trainer.save_freq": 1,
        "trainer.resume_mode": "auto",
        "trainer.logger": '["console","file"]',
        "trainer.default_local_dir": layout.checkpoints,
        "trainer.rollout_data_dir": layout.out / "rollouts",
        "trainer.validation_data_dir": layout.out / "validation",
        "hydra.run.dir": layout.out / "hydra",
    }
    head = [sys.executable, "-m", "verl.trainer.main_ppo", "--config-name", "mrpo_cpu"]
    return [*head, *(f"{name}={value}" for name, value in overrides.items()), *extra]


def export_command(layout: Layout, step: int) -> list[str]:
    return [
        sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp", "--local_dir",
        str(layout.checkpoints / f"global_step_{step}" / "actor"), "--target_dir", str(layout.export),
    ]  # fmt: skip


def as_typed(command: list[str]) -> str:
    """The command as a user would type it, one override a line."""
    words = ["python" if word == sys.executable else shlex.quote(word) for word in command]
    head = words.index("mrpo_cpu") + 1 if "mrpo_cpu" in words else len(words)
    return " \\\n    ".join([" ".join(words[:head]), *words[head:]])
