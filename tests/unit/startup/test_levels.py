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
from recipe.mrpo.tiny.published import flat, tie_outside  # noqa: E402
from tests.unit.doctor.plan.real_configurations import (  # noqa: E402
    internvl3_8b,
    qwen2_5_vl_3b,
    qwen2_5_vl_7b,
    qwen3_vl_8b,
    qwen3_vl_30b_a3b,
)

MADE = {"qwen2_5_vl": qwen2_5_vl_7b, "qwen3_vl": qwen3_vl_8b, "internvl3": internvl3_8b}
SAMPLED, TRAINED = (
    "actor_rollout_ref.rollout.engine_kwargs.vllm.hf_overrides.tie_word_embeddings",
    "actor_rollout_ref.model.override_config.tie_word_embeddings",
)
BOTH = {SAMPLED: False, TRAINED: False}


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
    with pytest.raises(OptionError, match="is True for vLLM, but the checkpoint has an output layer"):
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


@pytest.mark.parametrize(
    ("make", "layout", "why"),
    [
        (qwen2_5_vl_3b, flat, "one level, and it says tied: the inner one has no such key"),
        (qwen3_vl_30b_a3b, tie_outside, "the file says not tied; tied is the default of the inner class alone"),
    ],
)
def test_published_checkpoints_of_other_sizes_start(tmp_path, make, layout, why):
    (tmp_path / "config.json").write_text(json.dumps(layout(make().to_dict()), default=str))
    check_levels(run(tmp_path))


INPUT, OUTPUT = "model.language_model.embed_tokens.weight", "lm_head.weight"


@pytest.mark.parametrize(
    ("tensors", "outer", "overrides", "refused", "why"),
    [
        ("input", True, {}, None, "tied, and both read it so"),
        ("input", False, {}, "through one that was never loaded", "nothing in the file is an output layer"),
        ("input", True, {SAMPLED: False}, "never loaded", "vLLM alone is told otherwise"),
        ("input", True, {TRAINED: False}, "from a random one", "the trainer alone is told otherwise"),
        ("input", True, BOTH, "never loaded", "the overrides of InternVL3's row on a checkpoint that is tied"),
        ("both", False, {}, None, "an output layer of its own, and both read it so"),
        ("both", True, {}, "through the input layer", "vLLM would skip the output layer"),
        ("both", True, BOTH, None, "the overrides correct the key"),
        ("twice", True, {}, None, "the same rows under both names: tied all the same"),
        ("other names", True, {}, None, "a family with other names is not judged by its weights"),
    ],
)
@pytest.mark.parametrize("index", [False, True], ids=["one file", "index"])
def test_the_weights_decide_which_output_layer_there_is(tmp_path, tensors, outer, overrides, refused, why, index):
    import torch
    from safetensors.torch import save_file

    config = qwen2_5_vl_7b()
    config.tie_word_embeddings = outer
    del config.text_config.tie_word_embeddings
    (tmp_path / "config.json").write_text(json.dumps(flat(config.to_dict()), default=str))
    given = torch.arange(64.0).reshape(16, 4)
    saved = {
        "input": {INPUT: given},
        "both": {INPUT: given, OUTPUT: given + 1},
        "twice": {INPUT: given, OUTPUT: given.clone()},
        "other names": {"wte": given},
    }[tensors]
    if index:
        for number, (name, tensor) in enumerate(saved.items()):
            save_file({name: tensor}, tmp_path / f"model-{number}.safetensors")
        places = {name: f"model-{number}.safetensors" for number, name in enumerate(saved)}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    else:
        save_file(saved, tmp_path / "model.safetensors")
    if refused is None:
        check_levels(run(tmp_path, **overrides))
    else:
        with pytest.raises(OptionError, match=refused):
            check_levels(run(tmp_path, **overrides))


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 1}', '{"weight_map": {"lm_head.weight": "gone"}}'])
def test_an_index_that_cannot_be_used_leaves_the_configuration_s_word(tmp_path, text):
    qwen3_vl_8b().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(text)
    check_levels(run(tmp_path))
