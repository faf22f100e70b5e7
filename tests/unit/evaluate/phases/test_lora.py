"""A checkpoint of LoRA training as verl saves it: the evaluated model is the one with the adapter, or none at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from recipe.mrpo.cpu import apply_shim

apply_shim()

from recipe.mrpo.backbones import BACKBONES  # noqa: E402
from recipe.mrpo.evaluate.phases.checkpoint import find_checkpoint, merged_folder, refuse_adapter  # noqa: E402
from recipe.mrpo.tiny.build import build  # noqa: E402
from tests.unit.evaluate.phases.data import row, write  # noqa: E402

RANK, ALPHA = 4, 8


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tiny")
    data = write(out / "train.parquet", [row(n) for n in range(4)])
    build(backbone="qwen3_vl", data=data, out=out / "model", seed=0, steps=0, progress=lambda line: None)
    return out / "model"


def load(folder: Path):
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()


def adapted(folder: Path):
    """The model with adapters as verl makes them, and as far from zero as a long training would take them."""
    from peft import LoraConfig, get_peft_model

    excluded = BACKBONES["qwen3_vl"].vision_modules
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules="all-linear", exclude_modules=excluded, task_type="CAUSAL_LM"
    )
    model = get_peft_model(load(folder), config)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    return model.eval()


def save(model, tiny: Path, folder: Path) -> Path:
    """The files that verl 0.9.1's FSDPCheckpointManager writes on one rank; returns global_step_1."""
    actor = folder / "global_step_1" / "actor"
    (actor / "huggingface").mkdir(parents=True)
    torch.save(model.state_dict(), actor / "model_world_size_1_rank_0.pt")
    (actor / "fsdp_config.json").write_text('{"FSDP_version": 2, "world_size": 1}')
    given = {"r": RANK, "lora_alpha": ALPHA, "task_type": "CAUSAL_LM"}
    (actor / "lora_train_meta.json").write_text(json.dumps(given))
    for file in tiny.iterdir():
        if file.is_file() and not file.name.endswith(".safetensors"):
            (actor / "huggingface" / file.name).write_bytes(file.read_bytes())
    return folder / "global_step_1"


def logits(model) -> torch.Tensor:
    ids = torch.randint(50, 300, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(input_ids=ids).logits


@pytest.mark.long
def test_the_merged_model_is_the_one_with_the_adapter(tiny, tmp_path, monkeypatch):
    """Also where the export beside the shards holds the adapters under names that no loader knows."""
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    model = adapted(tiny)
    step = save(model, tiny, tmp_path)
    load(tiny).save_pretrained(step / "actor" / "huggingface", state_dict=model.state_dict())
    found = find_checkpoint(str(step))
    assert found.shards is not None
    merged = logits(load(merged_folder(found, tmp_path)))
    trained = logits(model)
    with model.disable_adapter():
        before = logits(model)
    off, moved = (merged - trained).abs().max(), (before - trained).abs().max()
    assert moved > 20 * off, (off, moved)  # what is left is bf16, in which verl's merger saves
    assert torch.corrcoef(torch.stack([merged.flatten(), trained.flatten()]))[0, 1] > 0.999


def merger_output(folder: Path, *, weights: bool, alpha: int) -> Path:
    """What verl's merger leaves of a checkpoint with adapters."""
    from safetensors.torch import save_file

    (folder / "lora_adapter").mkdir()
    (folder / "lora_adapter" / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": alpha}))
    if weights:
        save_file({"lm_head.weight": torch.ones(2, 2)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"weights": False, "alpha": ALPHA}, "holds a LoRA adapter alone"),
        ({"weights": True, "alpha": 0}, "does not say how its LoRA adapter is scaled.*lora_train_meta.json"),
    ],
)
def test_an_adapter_that_cannot_be_merged_is_refused(tmp_path, made, says):
    """verl's merger takes the scale 0 without lora_train_meta.json: the model before training would answer."""
    with pytest.raises(ValueError, match=says):
        refuse_adapter(merger_output(tmp_path, **made), tmp_path / "actor")


def test_an_adapter_with_its_model_and_its_scale_is_taken(tmp_path):
    refuse_adapter(merger_output(tmp_path, weights=True, alpha=ALPHA), tmp_path / "actor")
