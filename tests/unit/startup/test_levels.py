"""A checkpoint whose two levels of configuration disagree does not start, whatever its family."""

from __future__ import annotations

import json
import logging

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()

from recipe.mrpo.backbones import BACKBONES  # noqa: E402
from recipe.mrpo.options.tree import OptionError  # noqa: E402
from recipe.mrpo.startup.levels import check_levels  # noqa: E402
from tests.unit.doctor.plan.real_configurations import internvl3_8b, qwen2_5_vl_7b, qwen3_vl_8b  # noqa: E402

MADE = {"qwen2_5_vl": qwen2_5_vl_7b, "qwen3_vl": qwen3_vl_8b, "internvl3": internvl3_8b}
BOTH = {
    "actor_rollout_ref.rollout.engine_kwargs.vllm.hf_overrides.tie_word_embeddings": False,
    "actor_rollout_ref.model.override_config.tie_word_embeddings": False,
}


def run(folder, **overrides):
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": {"name": "vllm"}, "model": {"path": str(folder)}}})
    for name, value in overrides.items():
        OmegaConf.update(config, name, value, force_add=True)
    return config


@pytest.fixture
def written(tmp_path):
    def write(backbone: str, **changes):
        """The family's published configuration; `outer__key` and `inner__key`: a value, or None for an absent key."""
        MADE[backbone]().save_pretrained(tmp_path)
        file = tmp_path / "config.json"
        config = json.loads(file.read_text())
        for name, value in changes.items():
            level, _, key = name.partition("__")
            node = config if level == "outer" else config["text_config"]
            node.pop(key, None)
            if value is not None:
                node[key] = value
        file.write_text(json.dumps(config))
        return tmp_path

    return write


@pytest.mark.parametrize("backbone", MADE)
def test_the_published_configurations_agree(written, backbone):
    check_levels(run(written(backbone)))


@pytest.mark.parametrize("backbone", MADE)
def test_levels_that_disagree_on_the_output_layer_are_refused_with_both_overrides(written, backbone):
    folder = written(backbone, outer__tie_word_embeddings=True, inner__tie_word_embeddings=False)
    with pytest.raises(OptionError) as refused:
        check_levels(run(folder))
    assert all(f"+{name}=False" in str(refused.value) for name in BOTH)
    check_levels(run(folder, **BOTH))


def test_a_key_that_is_absent_on_both_levels_has_two_defaults(written):
    """InternVL3: transformers fills in True outside and False in the language model."""
    folder = written("internvl3", outer__tie_word_embeddings=None, inner__tie_word_embeddings=None)
    with pytest.raises(OptionError, match="tie_word_embeddings is True outside and False in the language model"):
        check_levels(run(folder))
    row = dict(one.lstrip("+").split("=") for one in BACKBONES["internvl3"].overrides() if "tie_word" in one)
    assert set(row) == set(BOTH)
    check_levels(run(folder, **{name: value == "True" for name, value in row.items()}))


@pytest.mark.parametrize(
    ("key", "outer", "inner", "told"),
    [
        ("eos_token_id", 151643, 151645, True),
        ("eos_token_id", [151645, 151643], [151643, 151645], False),
        ("eos_token_id", [151645], 151645, False),
        ("vocab_size", 152064, 151936, True),
        ("vocab_size", 151936, 151936, False),
    ],
)
def test_other_differences_are_told_and_do_not_end_the_run(written, caplog, key, outer, inner, told):
    folder = written("qwen3_vl", **{f"outer__{key}": outer, f"inner__{key}": inner})
    with caplog.at_level(logging.WARNING):
        check_levels(run(folder))
    assert (f"{key} is {outer} outside and {inner}" in caplog.text) == told


def test_sglang_and_checkpoints_elsewhere_are_not_looked_at(written, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = written("internvl3", outer__tie_word_embeddings=True)
    check_levels(run(folder, **{"actor_rollout_ref.rollout.name": "sglang"}))
    check_levels(run("Qwen/Not-On-This-Machine"))
    (tmp_path / "config.json").write_text("{")
    check_levels(run(tmp_path))


def test_a_configuration_that_cannot_be_read_is_told_and_not_passed_over(tmp_path, caplog):
    (tmp_path / "config.json").write_text('{"model_type": "of_tomorrow"}')
    with caplog.at_level(logging.WARNING):
        check_levels(run(tmp_path))
    assert "cannot read its config.json" in caplog.text and "it is not checked" in caplog.text
