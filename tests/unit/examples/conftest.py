"""verl as this process can import it, configurations composed once, and the scripts' dry runs, started early."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from recipe.mrpo.backbones import get_backbone
from recipe.mrpo.cpu import SHIM_DIR
from recipe.mrpo.methods import get_method

ROOT = Path(__file__).parents[3]
DRY_RUNS = {
    # name: (script, environment, arguments)
    "qwen2_5_vl": ("run_mrpo_qwen2_5_vl.sh", {}, ()),
    "qwen3_vl, LoRA on one GPU, judge, sglang": (
        "run_mrpo_qwen3_vl.sh",
        {"METHOD": "drgrpo", "N_GPUS": "1", "LORA_RANK": "16", "LR": "1e-5", "ROLLOUT_ENGINE": "sglang",
         "JUDGE_BASE_URL": "http://127.0.0.1:8123/v1", "JUDGE_MODEL": "org/judge-8b", "JUDGE_CACHE": "/c/labels.db"},
        ("trainer.total_training_steps=2",),
    ),
    "internvl3, two nodes, async": (
        "run_mrpo_internvl3.sh",
        {"METHOD": "gdpo", "NNODES": "2", "TRAINER_MODE": "colocate_async", "MODEL_PATH": "/models/with space/internvl",
         "START": "sft", "MAX_PIXELS": "200704", "DATA_DIR": "/data/x=y"},
        ("actor_rollout_ref.rollout.temperature=0.5",),
    ),
    "qwen2_5_vl, sft": ("run_mrpo_qwen2_5_vl.sh", {"METHOD": "sft", "N_GPUS": "4"}, ()),
    "separate rollouts": (
        "run_mrpo_qwen2_5_vl.sh", {"TRAINER_MODE": "separate_async", "N_GPUS": "4", "ROLLOUT_NNODES": "2"}, (),
    ),
    "cpu": ("run_mrpo_qwen2_5_vl.sh", {"VERL_PLATFORM": "cpu", "METHOD": "vppo", "MODEL_PATH": "/tiny"}, ()),
    "own backbone": ("run_mrpo.sh", {"BACKBONE": f"{ROOT}/tests/data/own_backbone.py:ROW"}, ()),
    "no backbone": ("run_mrpo.sh", {}, ()),
    "two stages": ("run_sft_then_mrpo.sh", {"BACKBONE": "qwen2_vl", "LR": "3e-6", "OUTPUT_DIR": "out"}, ()),
    "no base model": ("run_mrpo_qwen2_5_vl.sh", {"START": "base"}, ()),
    "base model": ("run_sft_then_mrpo.sh", {"START": "base", "BACKBONE": "qwen2_vl", "METHOD": "grpo"}, ()),
    "unknown method": ("run_mrpo_qwen2_5_vl.sh", {"METHOD": "ppo"}, ()),
    "unknown override": ("run_mrpo_qwen2_5_vl.sh", {}, ("actor_rollout_ref.actor.optim.learning_rate=1",)),
    "judge without model": ("run_mrpo_qwen2_5_vl.sh", {"JUDGE_NAME": "openai"}, ()),
    "sft checkpoint missing": ("run_mrpo_qwen2_5_vl.sh", {"START": "sft"}, ()),
    "gpus": ("run_mrpo_qwen2_5_vl.sh", {"N_GPUS": "all"}, ()),
    "image size with sglang": (
        "run_mrpo_qwen3_vl.sh", {"ROLLOUT_ENGINE": "sglang", "MAX_PIXELS": "200704"}, (),
    ),
    "password": (
        "run_mrpo_qwen2_5_vl.sh", {"JUDGE_BASE_URL": "http://u:hunter2@judge/v1", "JUDGE_MODEL": "m"}, (),
    ),
    "password in an argument": (
        "run_mrpo_qwen2_5_vl.sh", {}, ("mrpo.judge.name=openai", "mrpo.judge.openai.base_url=http://u:hunter2@judge/v1"),
    ),
    "password before two stages": ("run_sft_then_mrpo.sh", {"JUDGE_BASE_URL": "http://u:hunter2@judge/v1"}, ()),
    "key": ("run_mrpo_qwen2_5_vl.sh", {"JUDGE_NAME": "openai", "JUDGE_MODEL": "m", "JUDGE_API_KEY_ENV": "sk-hunter2"},
            ()),
    "a command in a number": ("run_mrpo_qwen2_5_vl.sh", {"MIN_PIXELS": "a[$(touch executed)]"}, ()),
    "an octal number": ("run_mrpo_qwen2_5_vl.sh", {"N_GPUS": "08"}, ()),
    "sft with LoRA": ("run_mrpo_qwen2_5_vl.sh", {"METHOD": "sft", "LORA_RANK": "8"}, ()),
}  # fmt: skip
SCRIPT_VARIABLES = ("METHOD", "ROLLOUT_NNODES", "ROLLOUT_GPUS", "TRAINER_MODE", "ROLLOUT_ENGINE", "ENCODER",
                    "JUDGE_MODEL", "JUDGE_CACHE", "JUDGE_API_KEY_ENV", "SFT_DATA_DIR", "SFT_LR", "SFT_ARGS",
                    "START", "MODEL_PATH", "DATA_DIR", "BACKBONE", "OUTPUT_DIR", "NNODES", "N_GPUS", "JUDGE_NAME", "LR",
                    "JUDGE_BASE_URL", "LORA_RANK", "OFFLOAD", "MIN_PIXELS", "MAX_PIXELS", "LOGGER",
                    "VERL_PLATFORM")  # fmt: skip


def script_env(**variables: str) -> dict[str, str]:
    """Environment of a script: none of its variables but those given, this Python first, no visible GPU."""
    env = {name: value for name, value in os.environ.items() if name not in SCRIPT_VARIABLES}
    path = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    source = os.pathsep.join(part for part in (str(ROOT), env.get("PYTHONPATH", "")) if part)
    return {**env, "PATH": path, "PYTHONPATH": source, "CUDA_VISIBLE_DEVICES": "", "HOME": "/home/me", **variables}


def start(command: list[str], env: dict[str, str], cwd: Path) -> subprocess.Popen:
    return subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> SimpleNamespace:
    try:
        out, err = process.communicate(timeout=900)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return SimpleNamespace(code=process.returncode, out=out, err=err)


@pytest.fixture(scope="session")
def dry_run(tmp_path_factory):
    """dry_run(name): exit code, command and configuration (one each of the stages) of DRY_RUNS[name]."""
    cwd = tmp_path_factory.mktemp("dry_runs")
    done: dict[str, SimpleNamespace] = {}

    def result(name: str) -> SimpleNamespace:
        if name not in done:  # one at a time: all at once are thirty processes on two cores
            script, variables, arguments = DRY_RUNS[name]
            command = ["bash", str(ROOT / "examples" / script), *arguments]
            ended = finish(start(command, script_env(DRY_RUN="1", **variables), cwd))
            ended.whole = ended.out
            ended.out = ended.out.replace(f"{cwd}/", "")  # scripts make paths absolute
            parts = ended.out.split("# ")[1:]
            ended.commands = [part.split("\n", 1)[0] for part in parts]
            ended.configs = [yaml.safe_load(part.split("\n", 1)[1]) for part in parts if "\n" in part]
            ended.left = list(cwd.iterdir())
            done[name] = ended
        return done[name]

    return result


STUDY_ON_EIGHT_GPUS = [
    "--config-name", "mrpo", *get_backbone("qwen2_5_vl").overrides(), *get_method("mrpo").overrides(),
    "backbone=none", "++mrpo.backbone=qwen2_5_vl",
    "data.train_files='/home/me/data/vqa_rad/train.parquet'", "data.val_files='/home/me/data/vqa_rad/test.parquet'",
    "actor_rollout_ref.model.path='Qwen/Qwen2.5-VL-7B-Instruct'", "actor_rollout_ref.rollout.name=vllm",
    "trainer.v1.trainer_mode=sync", "trainer.nnodes=1", "trainer.n_gpus_per_node=8", "trainer.project_name=mrpo",
    "trainer.experiment_name=qwen2_5_vl-mrpo-instruct",
    "trainer.default_local_dir='outputs/qwen2_5_vl-mrpo/checkpoints'",
    "trainer.rollout_data_dir='outputs/qwen2_5_vl-mrpo/rollouts'",
    "trainer.validation_data_dir='outputs/qwen2_5_vl-mrpo/validation'", 'trainer.logger=["console","file"]',
    "actor_rollout_ref.actor.fsdp_config.param_offload=False",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload=False", "++mrpo.judge.name=overlap",
]  # fmt: skip


@pytest.fixture(scope="session")
def main_ppo(tmp_path_factory):
    """verl's program printing the configuration of the first dry run."""
    env = script_env(VERL_PLATFORM="cpu")
    env["PYTHONPATH"] = os.pathsep.join([str(SHIM_DIR), env["PYTHONPATH"]])
    command = [sys.executable, "-W", "ignore", "-m", "verl.trainer.main_ppo", *STUDY_ON_EIGHT_GPUS, "--cfg", "job"]
    process = start(command, env, tmp_path_factory.mktemp("main_ppo"))
    yield SimpleNamespace(process=process, arguments=STUDY_ON_EIGHT_GPUS)
    if process.poll() is None:
        process.kill()


@pytest.fixture(scope="session")
def compose():
    """compose(name, override, …): a fresh copy of the configuration, composed once."""
    from recipe.mrpo.startup.compose import compose_config

    composed = {}

    def make(name: str, *overrides: str):
        if (name, overrides) not in composed:
            composed[name, overrides] = compose_config(name, overrides)
        return composed[name, overrides].copy()

    return make


@pytest.fixture(scope="session")
def verl(verl_on_the_cpu):
    """verl's own schema: `to_dataclass`, `validate`, and the package itself."""
    from verl.utils import config

    return SimpleNamespace(to_dataclass=config.omega_conf_to_dataclass, config=config)
