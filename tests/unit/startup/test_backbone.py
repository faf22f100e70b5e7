"""The settings of a run are those of its checkpoint's family, or it does not start."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.options.tree import OptionError, load_options
from recipe.mrpo.startup.backbone import check_backbone


def checkpoint(folder, model_type):
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return OmegaConf.create({"actor_rollout_ref": {"model": {"path": str(folder)}}})


@pytest.mark.parametrize(
    ("backbone", "model_type", "says", "why"),
    [
        ("qwen2_5_vl", "qwen2_5_vl", None, "the same family"),
        (None, "qwen3_vl", None, "a run that chose no family is not checked"),
        ("qwen2_5_vl", "qwen3_vl", "set backbone=qwen3_vl", "another family of the table"),
        ("qwen2_5_vl", "llava", "set backbone=none", "a family that is in no row"),
        ("internvl3", "qwen2_5_vl", "set backbone=qwen2_5_vl", "the tables' names, not the model types"),
        ("lava", "llava", "mrpo.backbone", "a row that does not exist"),
    ],
)
def test_another_family_is_refused_with_the_group_to_choose(tmp_path, backbone, model_type, says, why):
    config, options = checkpoint(tmp_path, model_type), load_options({"backbone": backbone})
    if says is None:
        check_backbone(config, options)
        return
    with pytest.raises(OptionError, match=says):
        check_backbone(config, options)


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_configuration_that_cannot_be_read_is_a_sentence(tmp_path, text):
    config = checkpoint(tmp_path, "x")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(OptionError, match=r"actor_rollout_ref\.model\.path"):
        check_backbone(config, load_options({"backbone": "qwen2_5_vl"}))


@pytest.mark.parametrize("path", ["Qwen/Not-On-This-Machine", "no such/folder/at all", "plain"])
def test_a_checkpoint_that_is_not_here_yet_is_not_looked_at(path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = OmegaConf.create({"actor_rollout_ref": {"model": {"path": path}}})
    check_backbone(config, load_options({"backbone": "qwen2_5_vl"}))
