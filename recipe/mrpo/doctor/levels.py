"""Do the outer configuration of a checkpoint and that of its language model say the same?

Programs read different levels: vLLM the outer `tie_word_embeddings`, transformers' layers the inner one. A key that a
published file leaves out takes another default on each level, so the values are those that transformers fills in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

TIE = "tie_word_embeddings"
OTHERS = ("vocab_size", "eos_token_id")
HF_OVERRIDES = "actor_rollout_ref.rollout.engine_kwargs.vllm.hf_overrides"
OVERRIDE_CONFIG = "actor_rollout_ref.model.override_config"


@dataclass(frozen=True)
class Levels:
    """Values of TIE and OTHERS, as the run has them; None: that level does not have the key."""

    outer: Mapping[str, Any]
    inner: Mapping[str, Any]
    sampled: bool
    """TIE as vLLM sees it."""
    loaded: bool
    """TIE as verl sees it before it loads: where it is True every rank loads the whole model in host memory."""


def levels_of(config: Any, *, sampled: Mapping[str, Any], trained: Mapping[str, Any]) -> Levels:
    """Levels of a transformers configuration in a run.

    `sampled`: the run's HF_OVERRIDES; `trained`: its OVERRIDE_CONFIG. A nested `text_config` in the latter changes the
    inner level.
    """
    text = config.get_text_config()
    nested = trained.get("text_config") or {}
    inner = {key: nested.get(key, getattr(text, key, None)) for key in (TIE, *OTHERS)}
    # A configuration without a level inside is its own inner one.
    outer = {key: getattr(config, key, None) for key in (TIE, *OTHERS)}
    return Levels(
        outer=outer,
        inner=inner,
        sampled=bool(sampled.get(TIE, outer[TIE])),
        loaded=bool(trained.get(TIE, outer[TIE])),
    )


def run_changes(config: DictConfig) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a composed configuration changes of the checkpoint's: for vLLM, and for training."""
    found = (OmegaConf.select(config, place) for place in (HF_OVERRIDES, OVERRIDE_CONFIG))
    sampled, trained = ({} if node is None else OmegaConf.to_container(node, resolve=True) for node in found)
    return sampled, trained


def tie_disagreement(levels: Levels) -> tuple[str, str] | None:
    """The finding and the remedy where vLLM would sample through another output layer than the one that is trained."""
    inner = bool(levels.inner[TIE])
    if levels.sampled == inner:
        return None
    says = f"{TIE} is {levels.sampled} outside and {inner} in the language model: vLLM would sample through another "
    return says + "output layer than the one that is trained", (
        f"set +{HF_OVERRIDES}.{TIE}={inner} and +{OVERRIDE_CONFIG}.{TIE}={inner}, or correct config.json."
    )


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
