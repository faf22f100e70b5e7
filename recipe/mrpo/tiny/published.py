"""config.json in the layout of the published checkpoints.

transformers writes every key on the level where it keeps it. The published files are older and shorter, and what a
program makes of an absent key is part of how a real checkpoint behaves: a tiny model that spells it out hides faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Config = dict[str, Any]
TIE = "tie_word_embeddings"


def old_rope(text: Config) -> Config:
    """`rope_parameters` as `rope_theta` and `rope_scaling`; the latter is null where nothing is scaled."""
    rope = dict(text["rope_parameters"])
    theta = rope.pop("rope_theta")
    sections = "mrope_section" in rope
    rest = {name: value for name, value in text.items() if name != "rope_parameters"}
    return {**rest, "rope_theta": theta, "rope_scaling": rope if sections else None}


def flat(config: Config) -> Config:
    """Qwen2-VL and Qwen2.5-VL: the language model's keys stand beside `vision_config`; there is no `text_config`."""
    text = old_rope({name: value for name, value in config["text_config"].items() if name not in ("model_type", TIE)})
    text["rope_scaling"] = {"type": "mrope", "mrope_section": text["rope_scaling"]["mrope_section"]}
    outer = {name: value for name, value in config.items() if name != "text_config"}
    return {**text, **outer}


def tie_outside(config: Config) -> Config:
    """Qwen3-VL: two levels; the outer one alone has `tie_word_embeddings`."""
    text = {name: value for name, value in config["text_config"].items() if name != TIE}
    return {**config, "text_config": old_rope(text)}


def without_tie(config: Config) -> Config:
    """InternVL3: two levels without `tie_word_embeddings`. transformers then says True outside and False inside."""
    text = {name: value for name, value in config["text_config"].items() if name != TIE}
    rest = {name: value for name, value in config.items() if name != TIE}
    return {**rest, "text_config": old_rope(text)}


def rewrite(folder: Path, layout: Callable[[Config], Config]) -> None:
    """Put the `config.json` of a saved model into the published layout."""
    file = folder / "config.json"
    file.write_text(json.dumps(layout(json.loads(file.read_text())), indent=2, sort_keys=True) + "\n")
