"""The commands of the real runs, composed for a GPU and for the CPU: every name is verl's or ours."""

from __future__ import annotations

import pytest

from recipe.mrpo.backbones import BACKBONES
from recipe.mrpo.gpu_check import real_model, verl_run
from recipe.mrpo.gpu_check.result import NotHere
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.training import EAGER
from recipe.mrpo.quickstart.stages import override
from recipe.mrpo.startup.compose import check, compose_config

FILES = {"data.train_files": "x", "data.val_files": "x", "actor_rollout_ref.model.path": "x"}


def composed(config: str, overrides: dict):
    found = compose_config(config, [override(*item) for item in {**overrides, **FILES}.items()])
    check(found)
    return found


def setting(device: str) -> Setting:
    return Setting("out", device, False, {})


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("device", "config"), [("cuda", "mrpo"), ("cpu", "mrpo_cpu")])
def test_a_tiny_run_composes_on_both_devices(backbone, device, config):
    found = composed(config, {**verl_run.tiny_overrides(setting(device), backbone), **EAGER})
    rollout = found.actor_rollout_ref.rollout
    assert (rollout.n, rollout.temperature, rollout.top_k, rollout.max_model_len) == (8, 1.0, -1, 1024)
    assert found.mrpo.backbone == backbone and found.mrpo.judge.name == "overlap"
    assert found.actor_rollout_ref.actor.strategy == "fsdp2"
    assert found.trainer.device == device
    if backbone == "internvl3":
        assert rollout.engine_kwargs.vllm.hf_overrides.tie_word_embeddings is False
    if device == "cuda":
        assert rollout.gpu_memory_utilization == 0.3


@pytest.mark.parametrize("gpus", [1, 4, 8])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_run_of_a_real_checkpoint_composes_for_each_node(gpus, backbone):
    found = composed("mrpo", real_model.overrides_for(gpus, backbone))
    actor = found.actor_rollout_ref
    assert (actor.model.lora_rank > 0) == (gpus == 1)
    assert actor.actor.fsdp_config.param_offload == (gpus < 8)
    assert found.trainer.n_gpus_per_node == gpus and actor.rollout.n == 8
    assert actor.rollout.max_model_len == BACKBONES[backbone].max_model_len


def test_without_flash_attn_neither_it_nor_unpadding_is_asked_for(monkeypatch):
    monkeypatch.setattr(verl_run, "find_spec", lambda name: None)
    found = composed("mrpo", verl_run.tiny_overrides(setting("cuda"), "qwen2_5_vl"))
    assert found.actor_rollout_ref.model.use_remove_padding is False
    assert found.actor_rollout_ref.model.override_config.attn_implementation == "sdpa"
    monkeypatch.setattr(verl_run, "find_spec", lambda name: object())
    assert verl_run.without_flash_attention() == {}


def test_a_checkpoint_that_cannot_be_trained_is_the_missing_piece(tmp_path):
    with pytest.raises(NotHere, match=r"config\.json"):
        real_model.backbone_of(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(NotHere, match="is a llama"):
        real_model.backbone_of(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "internvl"}')
    assert real_model.backbone_of(str(tmp_path)) == "internvl3"
