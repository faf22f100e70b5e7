"""`mrpo doctor` on checkpoints, broken in one place each."""

from __future__ import annotations

import pytest

from recipe.mrpo.doctor.model import check_model


@pytest.mark.parametrize(
    ("model_type", "without", "says"),
    [
        ("internvl_chat", (), "remote-code layout (internvl_chat), which verl cannot train"),
        ("llama", (), "is a llama, not a backbone of this recipe (qwen2_5_vl"),
        ("qwen3_vl", ("model-2.safetensors",), "lacks model-2.safetensors"),
        ("qwen3_vl", ("preprocessor_config.json",), "lacks preprocessor_config.json"),
        ("qwen3_vl", ("config.json",), "config.json cannot be read"),
        ("qwen3_vl", ("model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"), "lacks *.safe"),
    ],
)
def test_broken_model(model, model_type, without, says):
    check = check_model(str(model(model_type, without)))
    assert check.ok is False and says in check.says and check.do


def test_internvl_in_the_native_layout_is_known(model):
    assert check_model(str(model("internvl"))).says.endswith("is internvl3")


def test_a_model_that_can_only_be_downloaded_is_an_error_offline(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert check_model("Qwen/Qwen3-VL-8B-Instruct").ok is False
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert check_model("Qwen/Qwen3-VL-8B-Instruct").ok is None
    assert "there is no folder" in check_model(str(tmp_path / "a" / "b" / "c")).says
