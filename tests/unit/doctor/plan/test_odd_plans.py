"""Odd runs and odd configurations: a right figure, or one sentence with the setting to correct."""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import replace

import pytest
import yaml
from omegaconf import OmegaConf

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.cli import main  # noqa: E402
from recipe.mrpo.doctor.plan import disk, kv_cache, memory, processes  # noqa: E402
from recipe.mrpo.doctor.plan.settings import PlanError, settings_of  # noqa: E402
from recipe.mrpo.doctor.plan.sizes import ModelSizes, read_config, sizes_of  # noqa: E402
from recipe.mrpo.doctor.plan.verdicts import Machine, Rows, check_gpu_memory, check_parallel, check_plan  # noqa: E402
from recipe.mrpo.startup.compose import compose_config  # noqa: E402
from tests.unit.doctor.plan.real_configurations import (  # noqa: E402
    internvl3_2b,
    internvl3_8b,
    published,
    qwen2_5_vl_3b,
    qwen2_5_vl_7b,
    qwen3_vl_8b,
    qwen3_vl_30b_a3b,
)
from tests.unit.doctor.plan.test_plan import FULL, GPU  # noqa: E402

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
FSDP = f"{ACTOR}.fsdp_config"


@pytest.fixture(scope="module")
def model() -> ModelSizes:
    return sizes_of(qwen3_vl_8b(), excluded=".*visual.*")


def gb(items) -> float:
    return memory.total(items) / 1e9


@functools.cache
def study():
    return compose_config("mrpo", ["backbone=qwen3_vl", "trainer.n_gpus_per_node=8"])


def run_of(*words: str):
    """The settings of the study with overrides; composed once, because that takes a second."""
    config = copy.deepcopy(study())
    for word in words:
        name, _, value = word.partition("=")
        OmegaConf.update(config, name, yaml.safe_load(value), force_add=True)
    return settings_of(config)


@pytest.mark.parametrize(
    ("make", "billions", "kv_bytes", "adapters"),
    [
        (qwen2_5_vl_3b, 3.755, 36_864, 1_870_848),
        (internvl3_2b, 2.088, 28_672, 1_154_048),
        (qwen3_vl_30b_a3b, 31.07, 98_304, 835_584),
        (qwen2_5_vl_7b, 8.292, 57_344, 2_523_136),
        (qwen3_vl_8b, 8.767, 147_456, 2_727_936),
        (internvl3_8b, 7.944, 57_344, 2_523_136),
    ],
)
def test_sizes_of_published_checkpoints_are_those_counted_by_hand(make, billions, kv_bytes, adapters):
    """Layer by layer from the published numbers, without transformers: tied and own output layers, and experts."""
    model = sizes_of(make(), excluded=".*(visual|vision_tower|multi_modal_projector).*")
    assert model.parameters / 1e9 == pytest.approx(billions, rel=0.002)
    assert (model.kv_bytes_per_token(), model.adapters_per_rank) == (kv_bytes, adapters)


def test_a_published_file_without_the_outer_key_is_counted_with_its_output_layer():
    assert sizes_of(internvl3_8b(outer=None)).parameters == sizes_of(internvl3_8b()).parameters


@pytest.mark.parametrize(
    ("words", "training", "generating", "host", "why"),
    [
        ((), 41.1, 53.2, 87.1, "the settings of the study"),
        ((f"{FSDP}.fsdp_size=2",), 93.7, 92.6, 192.3, "two GPUs share a copy: four copies of 16 P"),
        ((f"{FSDP}.param_offload=True",), 41.1, 48.8, 122.1, "Adam's 8 P / g stay"),
        ((f"{FSDP}.optimizer_offload=True",), 41.1, 44.4, 157.2, "the weights' 4 P / g stay"),
        ((f"{FSDP}.offload_policy=True",), 23.6, 40.0, 227.3, "nothing stays, and the update has its states outside"),
        ((f"{FSDP}.model_dtype=bf16",), 32.3, 46.6, 87.1, "half of 16 P / g"),
        ((f"{ROLLOUT}.free_cache_engine=False",), 81.1, 53.2, 87.1, "vLLM's half of the GPU beside the update"),
        (("trainer.v1.trainer_mode=separate_async",), 41.1, 40.0, 87.1, "vLLM has GPUs of its own"),
        (("actor_rollout_ref.model.use_fused_kernels=True",), 25.6, 53.2, 87.1, "no logits"),
        ((f"{ACTOR}.use_dynamic_bsz=True",), 52.3, 53.2, 87.1, "16,384 tokens a pass"),
        (("trainer.nnodes=2",), 32.3, 46.6, 69.5, "half of 16 P / g, and of the reference"),
    ],
)
def test_each_setting_changes_what_it_changes(model, words, training, generating, host, why):
    run = run_of(*words)
    assert gb(memory.while_training(model, run, gpu_bytes=80e9)) == pytest.approx(training, abs=0.1), why
    assert gb(memory.while_generating(model, run, gpu_bytes=80e9)) == pytest.approx(generating, abs=0.1), why
    assert gb(memory.on_host(model, run)) == pytest.approx(host, abs=0.1), why


def test_checkpoints_are_of_the_type_that_is_trained(model):
    assert disk.checkpoint_bytes(model, run_of(f"{FSDP}.model_dtype=bf16")) == 6 * model.parameters
    assert disk.checkpoint_bytes(model, run_of("actor_rollout_ref.model.lora_rank=8")) == 4 * model.parameters


def test_the_remedy_for_few_cpus_is_heard(model):
    few = replace(GPU, cpus=6)
    asked = run_of("trainer.n_gpus_per_node=1", "actor_rollout_ref.model.lora_rank=32")
    found = {check.name: check for check in check_plan(model, asked, few, Rows(), steps=10)}
    (override,) = [word for word in found["cpus"].do.rstrip(".").split() if "=" in word]
    mended = run_of("trainer.n_gpus_per_node=1", "actor_rollout_ref.model.lora_rank=32", override)
    assert processes.cpus_needed(mended) == 6
    assert {c.name: c for c in check_plan(model, mended, few, Rows(), steps=10)}["cpus"].ok


@pytest.mark.parametrize("tensor_parallel", [1, 2, 4, 8, 16, 32])
def test_heads_of_keys_on_each_gpu_are_those_of_vllm(tensor_parallel):
    """More GPUs than heads: each has a copy, so the cache of a GPU stops shrinking."""
    model = sizes_of(qwen3_vl_30b_a3b())
    heads = max(1, 4 // tensor_parallel)
    expected = 4096 * 2 * model.layers * heads * model.head_dim * 2
    assert kv_cache.needed_bytes(model, 4096, tensor_parallel=tensor_parallel) == expected


@pytest.mark.parametrize(
    ("words", "says", "do"),
    [
        ((f"{ROLLOUT}.tensor_model_parallel_size=3",), "32 attention heads and 8 of keys over 3", "one of 1, 2, 4, 8"),
        ((f"{ROLLOUT}.tensor_model_parallel_size=16",), "8 GPUs cannot be divided into engines of 16", "1, 2, 4, 8"),
        ((f"{FSDP}.fsdp_size=3",), "fsdp_size=3 does not divide 8 GPUs", "fsdp_size=-1"),
        (("trainer.n_gpus_per_node=3",), "8 prompts x 8 rollouts cannot be divided over 3", "train_batch_size=9"),
    ],
)
def test_what_does_not_come_out_even_is_refused_with_what_does(model, words, says, do):
    (found,) = check_parallel(model, run_of(*words))
    assert found.ok is False and says in found.says and do in found.do
    assert check_parallel(model, run_of()) == []


def test_weights_that_fill_the_engine_ask_for_more_gpus_not_for_a_shorter_sequence():
    model = sizes_of(qwen3_vl_30b_a3b())
    found = {c.name: c for c in check_plan(model, FULL, GPU, Rows(), steps=10)}
    assert "tensor_model_parallel_size" in found["length"].do and found["output layer"].ok
    assert {c.name: c for c in check_plan(model, replace(FULL, tensor_parallel=4), GPU, Rows(), steps=10)}["length"].ok


def test_memory_advice_names_what_is_left_to_do(model):
    run = replace(FULL, gpus_per_node=1, lora_rank=32, micro_batch=1, gpu_memory_utilization=0.3)
    (training, _) = check_gpu_memory(model, run, Machine(gpu_bytes=40e9))
    assert training.ok is False and training.do == "add GPUs."


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("trainer.n_gpus_per_node=0", "trainer.n_gpus_per_node must be a whole number of at least 1, not 0"),
        ("trainer.n_gpus_per_node=abc", "not abc"),
        ("trainer.nnodes=1.5", "trainer.nnodes must be"),
        ("data.train_batch_size=0", "data.train_batch_size must be"),
        ("actor_rollout_ref.model.lora_rank=-1", "at least 0, not -1"),
        (f"{ROLLOUT}.max_model_len=auto", "max_model_len must be"),
        (f"{ROLLOUT}.tensor_model_parallel_size=0", "tensor_model_parallel_size must be"),
        (f"{ROLLOUT}.gpu_memory_utilization=1.5", "above 0 and up to 1, not 1.5"),
        (f"{ROLLOUT}.gpu_memory_utilization=half", "not half"),
        (f"{ROLLOUT}.dtype=floaty", "dtype=floaty is no type of floating point numbers"),
    ],
)
def test_a_setting_that_is_no_number_is_named(word, named):
    with pytest.raises(PlanError, match=named):
        run_of(word)


def changed(**changes):
    return json.dumps({**json.loads(published(qwen3_vl_8b())), **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot read the configuration"),
        ("[1]", "cannot read the configuration"),
        ("null", "cannot read the configuration"),
        ('{"model_type": "of_tomorrow"}', "cannot read the configuration"),
        ('{"model_type": "internvl_chat", "auto_map": {"AutoConfig": "x.C"}}', "cannot read the configuration"),
        ('{"model_type": "qwen2", "num_hidden_layers": 2}', "no model of images and text"),
        (changed(torch_dtype="floaty"), "cannot read the configuration"),
        (changed(text_config=[1]), "cannot read the configuration"),
        (changed(text_config={"model_type": "qwen3_vl_text", "num_hidden_layers": 0}), "no layers"),
        (changed(text_config={"model_type": "qwen3_vl_text", "hidden_size": -4}), "no model of images and text"),
    ],
)
def test_a_configuration_of_no_model_is_a_sentence(tmp_path, text, says):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(PlanError, match=says) as refused:
        sizes_of(read_config(str(tmp_path)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("word", ["--gpu-gb=0", "--gpu-gb=nan", "--host-gb=-1", "--cpus=0", "--rows=-1", "--rows=x"])
def test_a_machine_of_no_size_is_refused(word, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--plan", word])
    assert ended.value.code == 2 and "argument --" in capsys.readouterr().err


def test_a_configuration_of_another_trainer_ends_in_a_sentence(capsys):
    assert main(["doctor", "--plan", "--config-name", "mrpo_sft"]) == 2
    assert "no configuration of verl's PPO trainer" in capsys.readouterr().err


def test_quantised_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text(changed(quantization_config={"quant_method": "fp8"}))
    found = check_plan(sizes_of(read_config(str(tmp_path))), FULL, GPU, Rows(), steps=10)
    assert found[0].name == "weights" and found[0].ok is False and "bf16" in found[0].do
