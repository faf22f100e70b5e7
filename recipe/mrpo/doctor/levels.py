"""Do vLLM and the trainer take the same output layer, and do both levels of a checkpoint's configuration agree?

vLLM ties its output layer to its input layer where the outer `tie_word_embeddings` says so, and then skips the output
layer of the checkpoint. transformers does not tie where the checkpoint has both. A key that a published file leaves out
takes another default on each level, so the values are those that transformers fills in, and the weights decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

TIE = "tie_word_embeddings"
OTHERS = ("vocab_size", "eos_token_id")
HF_OVERRIDES = "actor_rollout_ref.rollout.engine_kwargs.vllm.hf_overrides"
OVERRIDE_CONFIG = "actor_rollout_ref.model.override_config"
OUTPUT_LAYER, INPUT_LAYER = "lm_head.weight", "embed_tokens.weight"
LOOKED_AT = 8
"""Rows of both layers that are compared where a checkpoint has both."""


@dataclass(frozen=True)
class Levels:
    """Values of TIE and OTHERS, as the run has them; None: that level does not have the key."""

    outer: Mapping[str, Any]
    inner: Mapping[str, Any]
    sampled: bool
    """TIE as vLLM sees it."""
    loaded: bool
    """TIE as verl sees it before it loads: where it is True every rank loads the whole model in host memory."""
    tied: bool
    """Are input and output layer one? By the weights where they are there, by the configuration otherwise."""


def levels_of(
    config: Any, *, sampled: Mapping[str, Any], trained: Mapping[str, Any], tied: bool | None = None
) -> Levels:
    """Levels of a transformers configuration in a run.

    `sampled`: the run's HF_OVERRIDES; `trained`: its OVERRIDE_CONFIG. A nested `text_config` in the latter changes the
    inner level. `tied`: what the weights say (`layers_are_one`); None: not known.
    """
    text = config.get_text_config()
    nested = trained.get("text_config") or {}
    inner = {key: nested.get(key, getattr(text, key, None)) for key in (TIE, *OTHERS)}
    # A configuration without a level inside is its own inner one.
    outer = {key: getattr(config, key, None) for key in (TIE, *OTHERS)}
    # The outer key is what both programs read; True may be the default of a key that the file lacks.
    configured = inner[TIE] if outer[TIE] is None else bool(outer[TIE]) and inner[TIE] is not False
    read = inner[TIE] if outer[TIE] is None else outer[TIE]
    return Levels(
        outer=outer,
        inner=inner,
        sampled=bool(sampled.get(TIE, read)),
        loaded=bool(trained.get(TIE, read)),
        tied=bool(configured) if tied is None else tied,
    )


def layers_are_one(folder: Path) -> bool | None:
    """Do the weights in `folder` use the input layer as output layer? None: there are none, or they do not tell."""
    names = names_of_tensors(folder)
    outputs = [name for name in names if name.endswith(OUTPUT_LAYER)]
    inputs = [name for name in names if name.endswith(INPUT_LAYER)]
    if not inputs:
        return None
    if not outputs:
        return True
    return _same_rows(folder / names[outputs[0]], outputs[0], folder / names[inputs[0]], inputs[0])


def names_of_tensors(folder: Path) -> dict[str, str]:
    """Tensors of a checkpoint, each with its file; {} where it has no safetensors that can be read."""
    from safetensors import SafetensorError, safe_open

    index = folder / "model.safetensors.index.json"
    try:
        if index.is_file():
            return {str(k): str(v) for k, v in json.loads(index.read_text(encoding="utf-8"))["weight_map"].items()}
        found = {}
        for file in folder.glob("*.safetensors"):
            with safe_open(file, framework="pt") as opened:
                found |= dict.fromkeys(opened.keys(), file.name)
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return {}  # an incomplete download, which `mrpo doctor --only model` and the loading itself tell


def _same_rows(output_file: Path, output: str, input_file: Path, given: str) -> bool | None:
    """Are the first rows of both layers the same? None: they cannot be read."""
    import torch
    from safetensors import SafetensorError, safe_open

    rows = []
    try:
        for file, name in ((output_file, output), (input_file, given)):
            with safe_open(file, framework="pt") as opened:
                rows.append(opened.get_slice(name)[:LOOKED_AT])
    except (OSError, SafetensorError):
        return None
    return torch.equal(*rows)


def run_changes(config: DictConfig) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a composed configuration changes of the checkpoint's: for vLLM, and for training."""
    found = (OmegaConf.select(config, place) for place in (HF_OVERRIDES, OVERRIDE_CONFIG))
    sampled, trained = ({} if node is None else OmegaConf.to_container(node, resolve=True) for node in found)
    return sampled, trained


def tie_disagreement(levels: Levels) -> tuple[str, str] | None:
    """The finding and the remedy where vLLM or the trainer would take another output layer than the checkpoint's."""
    tied = levels.tied
    do = (
        f"set +{HF_OVERRIDES}.{TIE}={tied} and +{OVERRIDE_CONFIG}.{TIE}={tied}, leave out overrides that say "
        "otherwise, or correct config.json."
    )
    one = "the checkpoint uses its input layer as output layer" if tied else "the checkpoint has an output layer"
    if levels.sampled != tied:
        wrong = "through the input layer instead" if levels.sampled else "through one that was never loaded"
        return f"{TIE} is {levels.sampled} for vLLM, but {one}: vLLM would sample {wrong}", do
    if tied and not levels.loaded:
        return f"{TIE} is False for the trainer, but {one}: training would start from a random one", do
    return None


def _ids(value: Any) -> Any:
    return sorted(value) if isinstance(value, (list, tuple)) else [value]


def other_disagreements(levels: Levels) -> list[str]:
    """One sentence for each further key that both levels have, with different values."""
    found = [
        (key, levels.outer[key], levels.inner[key])
        for key in OTHERS
        if levels.outer[key] is not None and levels.inner[key] is not None
    ]
    return [
        f"{key} is {outer} outside and {inner} in the language model; programs read either: correct config.json."
        for key, outer, inner in found
        if _ids(outer) != _ids(inner)
    ]
