"""One run of verl's PPO trainer as a process, and what it left: metrics, dumps, the first error of its log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from recipe.mrpo.backbones import get_backbone
from recipe.mrpo.common.environment import METRICS_FILE
from recipe.mrpo.gpu_check.made import Rows
from recipe.mrpo.gpu_check.result import CheckFailed
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.quickstart.progress import Progress
from recipe.mrpo.quickstart.stages import override
from recipe.mrpo.report.run_files import metrics_by_step

QUIET = {"HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "VLLM_NO_USAGE_STATS": "1"}
ACTOR, ROLLOUT, MODEL = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.model"
# What both kinds of run share: nothing is saved or validated, and the study's loss.
SHORT = {
    "algorithm.adv_estimator": "mrpo",
    "++mrpo.judge.name": "overlap",
    f"{ACTOR}.use_kl_loss": True,
    f"{ACTOR}.kl_loss_coef": 0.04,
    f"{ACTOR}.kl_loss_type": "low_var_kl",
    f"{ACTOR}.loss_agg_mode": "seq-mean-token-mean",
    f"{ROLLOUT}.temperature": 1.0,
    f"{ROLLOUT}.top_p": 1.0,
    f"{ROLLOUT}.top_k": -1,
    "trainer.val_before_train": False,
    "trainer.test_freq": -1,
    "trainer.save_freq": -1,
    "trainer.resume_mode": "disable",
    "trainer.nnodes": 1,
    "+ray_kwargs.ray_init.address": "local",
}
TINY = {
    "data.train_batch_size": 4,
    "data.max_prompt_length": 512,
    "data.max_response_length": 96,
    f"{ROLLOUT}.n": 8,
    f"{ROLLOUT}.max_model_len": 1024,
    f"{ACTOR}.optim.lr": "1e-4",
    "trainer.n_gpus_per_node": 1,
}
# One worker of each kind and a small share of the GPU; without a GPU mrpo_cpu.yaml has the same.
TINY_ON_GPU = {
    "data.dataloader_num_workers": 0,
    "data.filter_overlong_prompts_workers": 1,
    f"{ROLLOUT}.gpu_memory_utilization": 0.3,
    f"{ROLLOUT}.max_num_seqs": 64,
    f"{ROLLOUT}.agent.num_workers": 1,
    "reward.num_workers": 1,
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
}


def without_flash_attention() -> dict[str, object]:
    """verl unpads with flash-attn; without that package neither it nor its attention can be used."""
    if find_spec("flash_attn"):
        return {}
    return {f"{MODEL}.use_remove_padding": False, f"+{MODEL}.override_config.attn_implementation": "sdpa"}


def family(backbone: str) -> dict[str, object]:
    """Overrides of the backbone's row, with images as small as those of `rows.py`."""
    row = get_backbone(backbone)
    out: dict[str, object] = dict(one.split("=", 1) for one in row.overrides())
    if row.max_pixels is not None:
        out |= {"+data.mm_processor_kwargs.min_pixels": 4096, "+data.mm_processor_kwargs.max_pixels": 16384}
    return {**out, "++mrpo.backbone": backbone}


def tiny_overrides(setting: Setting, backbone: str) -> dict[str, object]:
    """All settings of a run with a tiny model on this machine's device."""
    out = {**family(backbone), **SHORT, **TINY}
    if setting.on_gpu:
        out |= {"backbone": "none", **TINY_ON_GPU, **without_flash_attention()}
    return out


@dataclass
class VerlRun:
    """A run with its files in `out`."""

    out: Path
    exit_code: int

    @property
    def log(self) -> Path:
        return self.out / "log"

    def first_error(self) -> str:
        seen = Progress(0, lambda line: None)
        for line in self.log.read_text(errors="replace").splitlines():
            seen(line)
        return seen.first_error or "no line of the log names an error"

    def require(self, condition: object, says: str, do: str) -> None:
        if not condition:
            raise CheckFailed(f"{says} ({self.log})", do)

    def succeeded(self) -> VerlRun:
        """Raises CheckFailed with the first error of the log if the run failed."""
        do = "the error names the setting; `mrpo doctor` looks at versions, hooks and memory."
        self.require(self.exit_code == 0, f"exit code {self.exit_code}: {self.first_error()}", do)
        return self

    def metrics(self) -> dict[int, dict[str, float]]:
        return metrics_by_step(self.out, left_out=lambda line: None)


def train(
    setting: Setting, name: str, rows: Rows, model: Path | str, *, steps: int, overrides: Mapping[str, object]
) -> VerlRun:
    """Run `main_ppo` to its end; the process of the check is what bounds its time."""
    out = setting.folder(name)
    values = {
        **overrides,
        "data.train_files": rows.train,
        "data.val_files": rows.test,
        f"{MODEL}.path": model,
        "trainer.total_training_steps": steps,
        "trainer.default_local_dir": out / "checkpoints",
        "trainer.rollout_data_dir": out / "rollouts",
        "trainer.validation_data_dir": out / "validation",
        "hydra.run.dir": out / "hydra",
    }
    config = "mrpo" if setting.on_gpu else "mrpo_cpu"
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "--config-name", config]
    command += [override(*item) for item in values.items()]
    return run([*command, 'trainer.logger=["console","file"]'], out)


def run(command: Sequence[str], out: Path) -> VerlRun:
    """The command with its output in `out/log` and verl's metrics in `out/metrics`."""
    metrics = out / "metrics" / "run.jsonl"
    metrics.parent.mkdir(exist_ok=True)
    environment = {**os.environ, **QUIET, METRICS_FILE: str(metrics)}
    with (out / "log").open("wb") as log:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)
    return VerlRun(out, done.returncode)
