"""A real run of verl's SFT trainer: two steps on gold reasoning with a tiny model."""

from __future__ import annotations

import math
import sys

from recipe.mrpo.gpu_check import made
from recipe.mrpo.gpu_check.result import Outcome
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.verl_run import run, without_flash_attention
from recipe.mrpo.quickstart.stages import override

STEPS = 2


def check(setting: Setting) -> Outcome:
    """Raises CheckFailed for a run that ends with an error, or a loss that no cross-entropy can have."""
    out = setting.folder("sft")
    values: dict[str, object] = {
        "data.train_files": made.rows(setting, "qwen2_5_vl", sft=True).train,
        "model.path": made.tiny(setting, "qwen2_5_vl", taught=True),
        "data.train_batch_size": 4,
        "data.num_workers": 0,
        "data.max_length": 1024,
        "data.max_token_len_per_gpu": 1024,
        "optim.lr": "1e-4",
        "trainer.total_training_steps": STEPS,
        "trainer.nnodes": 1,
        "trainer.n_gpus_per_node": 1,
        "trainer.default_local_dir": out / "checkpoints",
        "hydra.run.dir": out / "hydra",
    }
    plain = {name.replace("actor_rollout_ref.", ""): value for name, value in without_flash_attention().items()}
    if not setting.on_gpu:
        plain |= {"trainer.device": "cpu", "engine.use_torch_compile": False}
        plain |= {"+model.override_config.attn_implementation": "eager"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    command += ["-m", "verl.trainer.sft_trainer", "--config-name", "mrpo_sft", 'trainer.logger=["console","file"]']
    done = run([*command, *(override(*item) for item in {**values, **plain}.items())], out).succeeded()
    losses = [step["train/loss"] for step in done.metrics().values() if "train/loss" in step]
    done.require(len(losses) == STEPS, f"{len(losses)} of {STEPS} steps have a loss", "read the log.")
    done.require(all(0 < loss < 20 and math.isfinite(loss) for loss in losses), f"losses {losses}", "read the log.")
    saved = out / "checkpoints" / f"global_step_{STEPS}" / "huggingface" / "config.json"
    done.require(saved.is_file(), "no model in Hugging Face format was saved", "read the log.")
    return Outcome(f"{STEPS} steps, loss {losses[0]:.2f} to {losses[-1]:.2f}, model saved", {"last loss": losses[-1]})
