"""The planner's arithmetic: against transformers' models, vLLM's own KV cache, verl's pools, and docs/gpu.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.doctor.plan import disk, kv_cache, memory, processes  # noqa: E402
from recipe.mrpo.doctor.plan.settings import RunSettings, settings_of  # noqa: E402
from recipe.mrpo.doctor.plan.sizes import ModelSizes, sizes_of  # noqa: E402
from recipe.mrpo.doctor.plan.verdicts import Machine, Rows, check_levels, check_plan, check_sequence_length  # noqa: E402
from tests.unit.doctor.plan.real_configurations import internvl3_8b, qwen2_5_vl_7b, qwen3_vl_8b  # noqa: E402

PAGE = Path(__file__).parents[4] / "docs" / "gpu.md"
GPU = Machine(gpu_bytes=80e9, host_bytes=1000e9, cpus=128, disk_bytes=2000e9)
FULL = RunSettings(
    nodes=1, gpus_per_node=8, prompts=8, rollouts=8, prompt_tokens=2048, response_tokens=512, micro_batch=4,
    lora_rank=0, gpu_memory_utilization=0.5, max_model_len=4096, tensor_parallel=1, reward_workers=8,
    encoder=False, encoder_on_gpu=False, save_freq=200, checkpoints_kept=2, val_batch=256, val_before_train=True,
    data_workers=16, judge="openai", uses_kl=True,
)  # fmt: skip

OFFLOADED = {"offload_weights": True, "offload_optimizer": True}


@pytest.fixture(scope="module")
def models() -> dict[str, ModelSizes]:
    return {
        "qwen2_5_vl": sizes_of(qwen2_5_vl_7b(), excluded=".*visual.*"),
        "qwen3_vl": sizes_of(qwen3_vl_8b(), excluded=".*visual.*"),
        "internvl3": sizes_of(internvl3_8b()),
    }


@pytest.mark.parametrize(("name", "billions"), [("qwen2_5_vl", 8.29), ("qwen3_vl", 8.77), ("internvl3", 7.94)])
def test_the_real_backbones_have_their_published_number_of_parameters(models, name, billions):
    assert models[name].parameters / 1e9 == pytest.approx(billions, abs=0.01)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl", "internvl3"])
@pytest.mark.parametrize("tokens", [1, 16, 4096, 32768])
def test_the_kv_cache_of_a_sequence_is_that_of_vllm(models, name, tokens):
    """vLLM's own specification of a layer's cache, without an engine and without a GPU."""
    import torch

    interface = pytest.importorskip("vllm.v1.kv_cache_interface")
    model = models[name]
    layer = interface.FullAttentionSpec(
        block_size=kv_cache.BLOCK, num_kv_heads=model.kv_heads, head_size=model.head_dim, dtype=torch.bfloat16
    )
    blocks = -(-tokens // kv_cache.BLOCK)
    assert kv_cache.needed_bytes(model, tokens) == blocks * layer.page_size_bytes * model.layers


def test_a_checkpoint_with_long_positions_does_not_start_without_a_limit(models):
    """262,144 tokens of Qwen3-VL-8B are 36 GiB of KV cache; half an 80 GB GPU has about 19 beside the weights."""
    refused = check_sequence_length(models["qwen3_vl"], replace(FULL, max_model_len=None), GPU)
    assert refused.ok is False and "36.0 GiB" in refused.says and "max_model_len=2560" in refused.do
    assert check_sequence_length(models["qwen3_vl"], FULL, GPU).ok
    for other in ("qwen2_5_vl", "internvl3"):
        assert check_sequence_length(models[other], replace(FULL, max_model_len=None), GPU).ok is not False


@pytest.mark.parametrize(
    ("change", "words", "why"),
    [
        ({"max_model_len": 2000}, "below prompt and response", "a rollout would be cut"),
        ({"max_model_len": 200_000}, "above the checkpoint", "verl raises in every engine"),
        ({"prompt_tokens": 130_000, "max_model_len": None}, "longest position", "no position for the last tokens"),
    ],
)
def test_a_length_that_cannot_work_is_refused(models, change, words, why):
    found = check_sequence_length(models["qwen2_5_vl"], replace(FULL, **change), GPU)
    assert found.ok is False and words in found.says, why
    assert found.do


def test_the_items_are_those_worked_out_by_hand(models):
    """Qwen2.5-VL-7B, a micro-batch of 4 rollouts of 1,636 tokens, in GB."""
    run = replace(FULL, prompt_tokens=1124)
    model = models["qwen2_5_vl"]

    def gb(items):
        return [round(item.bytes / 1e9, 1) for item in items]

    assert gb(memory.while_training(model, run)) == [4.1, 12.4, 1.3, 10.0, 5.0]
    four = replace(run, gpus_per_node=4, **OFFLOADED)
    assert gb(memory.while_training(model, four)) == [8.3, 24.9, 1.3, 10.0, 5.0]
    lora = replace(run, gpus_per_node=1, lora_rank=32, **OFFLOADED)
    assert gb(memory.while_training(model, lora)) == [33.2, 1.0, 1.3, 10.0, 5.0]
    assert gb(memory.while_generating(model, run, gpu_bytes=80e9)) == [40.0, 12.4]
    assert gb(memory.while_generating(model, four, gpu_bytes=80e9)) == [40.0, 0.0]


def test_the_tables_of_the_gpu_page_are_the_planner_s(models):
    """Columns of docs/gpu.md: Qwen2.5-VL on 8 GPUs, Qwen3-VL on 4, Qwen3-VL with LoRA on 1, InternVL3 on 8 and on 4."""
    wide = {"prompt_tokens": 4096, "max_model_len": 5120}
    columns = [
        (models["qwen2_5_vl"], FULL),
        (models["qwen3_vl"], replace(FULL, gpus_per_node=4, **OFFLOADED)),
        (models["qwen3_vl"], replace(FULL, gpus_per_node=1, **OFFLOADED, lora_rank=32)),
        (models["internvl3"], replace(FULL, **wide)),
        (models["internvl3"], replace(FULL, gpus_per_node=4, **OFFLOADED, **wide)),
    ]
    rows = {line.split("|")[1].strip(" *"): line for line in PAGE.read_text().splitlines() if line.startswith("| ")}

    def numbers(row):
        return [int(cell.strip(" *")) for cell in rows[row].split("|")[3:-1]]

    def gb(items):
        return round(memory.total(items) / 1e9)

    assert numbers("while training") == [gb(memory.while_training(m, r)) for m, r in columns]
    assert numbers("while generating") == [gb(memory.while_generating(m, r, gpu_bytes=80e9)) for m, r in columns]
    assert numbers("host memory of a node") == [gb(memory.on_host(m, r)) for m, r in columns]
    assert numbers("disk") == [round(disk.disk_needed(m, r, steps=1625) / 1e9) for m, r in columns]
    assert numbers("CPUs held") == [processes.cpus_needed(r) for _, r in columns]


def test_more_gpus_never_need_more_memory_on_each(models):
    for name, model in models.items():
        sums = [memory.total(memory.while_training(model, replace(FULL, gpus_per_node=g))) for g in (1, 2, 4, 8)]
        assert sums == sorted(sums, reverse=True), name


def test_the_three_backbones_fit_on_eight_gpus(models):
    for name, model in models.items():
        long = {"prompt_tokens": 4096, "max_model_len": 5120, "micro_batch": 2} if name == "internvl3" else {}
        found = check_plan(model, replace(FULL, **long), GPU, Rows(13_000, 200), steps=1625)
        assert [c for c in found if c.ok is False] == [], name


def test_what_does_not_fit_is_said_with_the_override_that_mends_it(models):
    model = models["qwen2_5_vl"]
    one = replace(FULL, gpus_per_node=1)
    found = {c.name: c for c in check_plan(model, one, replace(GPU, cpus=12, disk_bytes=50e9), Rows(), steps=1625)}
    assert found["cpus"].ok is False and "13 CPUs" in found["cpus"].says
    assert found["disk"].ok is False and "max_actor_ckpt_to_keep" in found["disk"].do
    training = next(c for c in check_plan(model, one, GPU, Rows(), steps=10) if c.name == "gpu memory")
    assert training.ok is False and "LORA_RANK" in training.do
    tight = check_plan(model, replace(FULL, gpus_per_node=2), GPU, Rows(), steps=10)
    assert any("param_offload=True" in c.do for c in tight if c.ok is False)


def test_a_configuration_whose_levels_disagree_is_found():
    """transformers defaults the outer key to True where the language model's is False: vLLM would tie the layers."""
    assert check_levels(sizes_of(internvl3_8b())).ok
    absent = check_levels(sizes_of(internvl3_8b(outer=None)))
    assert absent.ok is False and "hf_overrides.tie_word_embeddings=False" in absent.do


def test_checkpoints_that_lie_side_by_side_are_counted(models):
    model = models["qwen2_5_vl"]
    one = disk.checkpoint_bytes(model, FULL)
    assert disk.disk_needed(model, FULL, steps=1625) == pytest.approx(3 * one + disk.DUMPS)
    assert disk.disk_needed(model, replace(FULL, checkpoints_kept=None), steps=1625) == pytest.approx(
        9 * one + disk.DUMPS
    )
    assert disk.disk_needed(model, replace(FULL, save_freq=-1), steps=1625) == disk.DUMPS


def test_verl_s_pools_hold_as_many_cpus_as_the_planner_says():
    base = pytest.importorskip("verl.single_controller.ray.base")
    assert base.ResourcePoolManager.__dataclass_fields__["max_colocate_count"].default == processes.PER_GPU


def test_settings_are_those_of_the_composed_configuration():
    from recipe.mrpo.startup.compose import compose_config

    run = settings_of(compose_config("mrpo", ["trainer.n_gpus_per_node=4", "actor_rollout_ref.rollout.n=6"]))
    assert (run.gpus, run.rollouts, run.prompt_tokens, run.response_tokens) == (4, 6, 2048, 512)
    assert run.sequences == 48 and run.uses_kl
