"""The stages of the quickstart as commands and the facts they depend on; nothing here runs anything."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path("examples/data/vqa_rad_sample")
CHAIN = Path("recipe/mrpo/worlds/chain")
PLAIN = re.compile(r"[\w./+-]*")


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
    def learning(self) -> Path:
        return self.out / "learning.json"

    @property
    def metrics(self) -> Path:
        return self.out / "metrics"

    @property
    def trained(self) -> tuple[Path, ...]:
        """What `--fresh` removes."""
        names = ("checkpoints", "rollouts", "validation", "metrics", "export", "hydra")
        return tuple(self.out / name for name in names)

    def last_step(self) -> int:
        """Step of the last complete checkpoint, 0 without one."""
        latest = self.checkpoints / "latest_checkpointed_iteration.txt"
        return int(latest.read_text()) if latest.exists() else 0


def digest(*parts: object) -> str:
    """SHA-256 of files (by content) and JSON values: the inputs of a stage."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else json.dumps(part, sort_keys=True).encode())
        sha.update(b"\0")
    return sha.hexdigest()


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


def model_is_current(layout: Layout, seed: int) -> bool:
    """Was the tiny model made from this data with this seed, by the builder as it is now?"""
    from recipe.mrpo.tiny.build import MANIFEST, cache_key

    manifest = layout.model / MANIFEST
    if not manifest.exists():
        return False
    made = json.loads(manifest.read_text())
    data = (layout.data / "train.parquet").read_bytes()
    return made["key"] == cache_key(backbone="qwen2_5_vl", seed=seed, steps=made["steps"], data=data)


def override(name: str, value: object) -> str:
    """`name=value` for Hydra, quoted where its grammar asks for it."""
    text = str(value)
    if not PLAIN.fullmatch(text):
        text = "'" + text.replace("'", "\\'") + "'"
    return f"{name}={text}"


def training_command(layout: Layout, *, steps: int, seed: int, extra: Sequence[str]) -> list[str]:
    """The command that a user would type, `python -m verl.trainer.main_ppo algorithm.adv_estimator=mrpo …`.

    Sizes are for two cores; the loss (KL 0.04, k3, mean over sequences) is the study's (config/mrpo.yaml).
    """
    values = {
        "algorithm.adv_estimator": "mrpo",
        "data.train_files": layout.data / "train.parquet",
        "data.val_files": layout.data / "test.parquet",
        "data.train_batch_size": 4,
        "data.max_response_length": 128,
        "data.seed": seed,
        "actor_rollout_ref.model.path": layout.model,
        "actor_rollout_ref.rollout.n": 8,
        "actor_rollout_ref.rollout.seed": seed,
        # 64 MiB, which vLLM fills at its start: 25,000 tokens of the tiny model, and a step needs 20,480
        "actor_rollout_ref.rollout.engine_kwargs.vllm.kv_cache_memory_bytes": 64 * 2**20,
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
        "trainer.default_local_dir": layout.checkpoints,
        "trainer.rollout_data_dir": layout.out / "rollouts",
        "trainer.validation_data_dir": layout.out / "validation",
        "hydra.run.dir": layout.out / "hydra",
        # A Ray cluster that already runs on this machine does not belong to the quickstart.
        "+ray_kwargs.ray_init.address": "local",
    }
    head = [sys.executable, "-m", "verl.trainer.main_ppo", "--config-name", "mrpo_cpu"]
    return [*head, *(override(*item) for item in values.items()), 'trainer.logger=["console","file"]', *extra]


def export_command(layout: Layout, step: int) -> list[str]:
    return [
        sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp", "--local_dir",
        str(layout.checkpoints / f"global_step_{step}" / "actor"), "--target_dir", str(layout.export),
    ]  # fmt: skip


def learning_command(layout: Layout) -> list[str]:
    return [sys.executable, "-m", "recipe.mrpo.worlds.chain", "--curve", str(layout.learning)]


def as_typed(command: Sequence[str], env: Mapping[str, str]) -> str:
    """The command as a user would type it in a shell, its variables before it, one override a line."""
    words = ["python" if word == sys.executable else shlex.quote(word) for word in command]
    head = words.index("mrpo_cpu") + 1 if "mrpo_cpu" in words else len(words)
    variables = [f"{name}={shlex.quote(value)}" for name, value in env.items()]
    return " \\\n    ".join([" ".join([*variables, *words[:head]]), *words[head:]])
