"""The parts of the GPU check that need no CUDA, on the CPU; and the check of each can fail."""

from __future__ import annotations

import pytest
import torch

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.gpu_check import backbones, encoder, made, weight_sync  # noqa: E402
from recipe.mrpo.gpu_check.batch import expected_advantages, largest_deviation, make_batch  # noqa: E402
from recipe.mrpo.gpu_check.setting import Setting  # noqa: E402


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return Setting(str(tmp_path_factory.mktemp("gpu_check")), "cpu", True, {})


def test_an_advantage_of_one_token_that_is_off_is_found():
    records, _, mask, index = make_batch(16, 64, 8, 5, seed=0)
    right = expected_advantages(records, mask, index)
    assert largest_deviation(right, records, mask, index) == 0
    right[3, 7] += 1e-3
    assert largest_deviation(right, records, mask, index) > 1e-4


def test_bertscore_of_a_small_encoder_is_the_same_in_other_batches(setting):
    outcome = encoder.check(setting)
    assert outcome.figures["largest difference"] < 1e-5


def test_the_ppo_loss_is_that_of_verl(verl):
    """The mean of one rollout's tokens and then of rollouts; advantages of both signs, ratios beyond the clip."""
    from verl.trainer.ppo.core_algos import compute_policy_loss_vanilla
    from verl.workers.config import FSDPActorConfig

    draw = torch.Generator().manual_seed(0)
    log_probs, old = (-torch.rand(4, 9, generator=draw) for _ in range(2))
    advantages = torch.randn(4, 9, generator=draw)
    mask = (torch.arange(9)[None, :] < torch.tensor([9, 5, 1, 7])[:, None]).float()
    config = FSDPActorConfig(
        strategy="fsdp2", rollout_n=4, ppo_micro_batch_size_per_gpu=1, clip_ratio=0.2, clip_ratio_low=0.2,
        clip_ratio_high=0.2, clip_ratio_c=1e9,
    )  # fmt: skip
    theirs, _ = compute_policy_loss_vanilla(old, log_probs, advantages, mask, "seq-mean-token-mean", config)
    assert backbones.policy_loss(log_probs, old, advantages, mask) == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.long
def test_a_tiny_model_has_nearly_the_same_loss_in_bf16(setting):
    figures = backbones.compare(setting, "internvl3")
    assert 0 < figures["internvl3 sdpa loss off"] < 0.02 and figures["internvl3 sdpa gradient cosine"] > 0.98


def test_weights_of_several_types_fill_more_than_one_bucket():
    sizes = [tensor.nbytes for _, tensor in weight_sync.weights("cpu", quick=False)]
    assert sum(sizes) > weight_sync.BUCKET_MB * 2**20 >= max(sizes)
    sums = weight_sync.checksums(weight_sync.weights("cpu", quick=True))
    assert len(set(sums.values())) == 3  # tensors that were swapped are noticed


@pytest.mark.long
def test_rows_are_a_user_s_own_data_set(setting):
    import pandas

    rows, chat = made.rows(setting, "qwen3_vl"), made.rows(setting, "qwen3_vl", sft=True)
    table = pandas.read_parquet(rows.train)
    assert len(table) == 21 and len(pandas.read_parquet(rows.test)) == 3
    assert "<thinking>" in table["prompt"][0][0]["content"]
    assert {"left", "right", "upper", "lower", "bright", "dark"} == {r["ground_truth"] for r in table["reward_model"]}
    assert "messages" in pandas.read_parquet(chat.train).columns
