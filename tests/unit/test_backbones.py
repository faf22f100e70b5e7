"""The table of backbones."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.backbones import BACKBONES, Backbone, get_backbone
from recipe.mrpo.options.tree import OPTIONS_FILE
from recipe.mrpo.startup.compose import compose_config

MODULES = {  # a module inside and one outside the vision tower, as transformers 5 names them
    "qwen2_5_vl": ("model.visual.blocks.0.attn.qkv", "model.language_model.layers.0.self_attn.q_proj"),
    "qwen3_vl": ("model.visual.merger.linear_fc1", "model.language_model.layers.0.mlp.up_proj"),
    "internvl3": ("model.vision_tower.encoder.layer.0.attention.q_proj", "model.language_model.layers.0.mlp.up_proj"),
    "qwen2_vl": ("model.visual.blocks.0.mlp.fc1", "model.language_model.layers.0.self_attn.q_proj"),
}


def test_think_tags_are_those_of_the_study():
    assert {name: row.think_tag for name, row in BACKBONES.items() if name != "qwen2_vl"} == {
        "qwen2_5_vl": "think", "qwen3_vl": "thinking", "internvl3": "think",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(BACKBONES))
def test_lora_leaves_the_vision_tower_alone_and_nothing_else(name):
    vision, language = MODULES[name]
    assert re.fullmatch(BACKBONES[name].vision_modules, vision)  # PEFT matches the whole name
    assert not re.fullmatch(BACKBONES[name].vision_modules, language)


def test_internvl_is_the_layout_that_verl_can_run():
    assert BACKBONES["internvl3"].checkpoint.endswith("-hf")
    assert BACKBONES["internvl3"].model_type == "internvl"


def test_a_backbone_is_one_row():
    row = Backbone(model_type="m", checkpoint="org/m", think_tag="think", eos="</s>", vision_modules=".*visual.*")
    assert row.overrides() == [
        "actor_rollout_ref.rollout.temperature=1.0",
        "actor_rollout_ref.rollout.top_p=1.0",
        "actor_rollout_ref.rollout.top_k=-1",
        "+data.mm_processor_kwargs.min_pixels=3136",
        "+data.mm_processor_kwargs.max_pixels=802816",
        "actor_rollout_ref.rollout.max_model_len=4096",
    ]


@pytest.mark.parametrize("name", list(BACKBONES))
def test_the_group_of_the_plain_command_is_the_row_of_the_scripts(name):
    """`--config-name mrpo backbone=NAME` and the example scripts train with the same settings."""
    file = OPTIONS_FILE.parent / "backbone" / f"{name}.yaml"
    row = OmegaConf.from_dotlist([override.lstrip("+") for override in BACKBONES[name].overrides()])
    row.mrpo = {"backbone": name}
    assert OmegaConf.to_container(OmegaConf.load(file)) == OmegaConf.to_container(row)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_vllm_makes_room_for_prompt_and_response_and_for_little_more(name):
    config = compose_config("mrpo", [f"backbone={name}"])
    needed = config.data.max_prompt_length + config.data.max_response_length
    assert needed <= config.actor_rollout_ref.rollout.max_model_len < 2 * needed


def test_every_family_has_a_group_and_every_group_a_family():
    files = {file.stem for file in (OPTIONS_FILE.parent / "backbone").glob("*.yaml")}
    assert files == {*BACKBONES, "none"}


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("qwen2_5_vl", "base", "no base checkpoint of qwen2_5_vl is published"),
        ("qwen2_vl", "sft", "that one is yours; set MODEL_PATH"),
    ],
)
def test_a_start_that_does_not_exist_says_what_to_set(name, kind, says):
    with pytest.raises(ValueError, match=says):
        get_backbone(name).start(kind)


def test_a_base_model_is_another_checkpoint_than_the_instruct_one():
    row = get_backbone("qwen2_vl")
    assert row.start("base") == "Qwen/Qwen2-VL-7B" != row.start("instruct")


@pytest.mark.parametrize(
    ("arguments", "code", "printed"),
    [
        ((), 0, "OpenGVLab/InternVL3-8B-hf"),
        (("qwen3_vl",), 0, "actor_rollout_ref.rollout.top_k=20"),
        (("qwen3_vl", "think_tag"), 0, "thinking"),
        (("llava",), 2, "error: backbone 'llava' is unknown; choose one of qwen2_5_vl"),
    ],
)
def test_the_command_prints_what_the_scripts_read(arguments, code, printed):
    run = subprocess.run(
        [sys.executable, "-m", "recipe.mrpo.backbones", *arguments], capture_output=True, text=True, timeout=900
    )
    assert run.returncode == code
    assert printed in run.stdout + run.stderr


def test_internvls_image_processor_has_the_patch_size_that_verls_sft_reads_and_saves_none(monkeypatch):
    """`MultiTurnSFTDataset` reads `processor.image_processor.patch_size`; GotOcr2's has none."""
    from recipe.mrpo.wiring.patches.internvl import load_processor

    class ImageProcessor:
        pass

    given = type("InternVLProcessor", (), {})()
    given.image_processor = ImageProcessor()
    raw = SimpleNamespace(get_config_dict=lambda *_, **__: ({"model_type": "internvl"}, {}))
    config = SimpleNamespace(from_pretrained=lambda *_, **__: SimpleNamespace(model_type="internvl"))
    processor = SimpleNamespace(from_pretrained=lambda *_, **__: given)
    fake = SimpleNamespace(PreTrainedConfig=raw, AutoConfig=config, AutoProcessor=processor)
    # Importing the real one takes seconds, and without a GPU the import shim.
    monkeypatch.setitem(sys.modules, "transformers", fake)
    loaded = load_processor("some/checkpoint")
    assert loaded.image_processor.patch_size == 14
    assert vars(loaded.image_processor) == {}  # what is on the object would go into every checkpoint
