"""`mrpo.rewards`: ours with their options, and a user's own ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from recipe.mrpo.options.schema.kinds import LARGEST, Group, number, one_of, some_of, text, truth, weight, whole
from reward_fns import length, semantic
from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.options import ACCEPT, YES_NO
from reward_fns.answer.words.normalise import RULES

_DEVICE = r"^(cpu|cuda(:\d+)?)$"


class Mix(Group):
    rouge1: float = number(0, 1)
    bleu1: float = number(0, 1)
    bertscore: float = number(0, 1)


class WithEncoder(Group):
    encoder: str | None = text("a folder or a hub id", null=True)
    encoder_layer: int = whole(0, 1000)
    encoder_device: str = text("cpu, cuda or cuda:N", pattern=_DEVICE)
    encoder_batch_size: int = whole(1)
    encoder_cache: int = whole(0)


class Answer(WithEncoder):
    weight: float = weight()
    mode: str = one_of(("text", "judge"))
    fallback: str = one_of(("none", "text"))
    compat: str = one_of(("none", "reference"))
    accept: str = one_of(ACCEPT)
    mix: Mix
    normalise: list[str] = some_of(RULES)
    conflicts: list[str] = some_of(CONFLICTS)
    conflict_cap: float = number(0, 1)
    yes_no: str = one_of(YES_NO)
    max_chars: int = whole(1)
    max_math_chars: int = whole(1)
    math_timeout_s: float = number(above=0, high=3600)


class Process(Group):
    weight: float = weight()
    enabled: bool = truth(default=True)


class Length(Group):
    weight: float = weight()
    enabled: bool = truth(default=True)
    mode: str = one_of(length.MODES)
    k_min: int = whole(1)
    k_max: int = whole(1)
    floor: float | None = number(-LARGEST, 0, null=True)


class Format(Group):
    weight: float = weight()
    enabled: bool = truth(default=True)


class Semantic(WithEncoder):
    weight: float = weight()
    enabled: bool = truth()
    mode: str = one_of(semantic.MODES)


class OwnReward(Group):
    """A user's own reward; its other options are its function's keyword arguments."""

    model_config = ConfigDict(strict=True, extra="allow")

    weight: float = weight()
    enabled: bool = truth(default=True)
    function: str | None = text("package.module:name or folder/file.py:name", default=None)


OURS: dict[str, type[Group]] = {
    "answer": Answer,
    "process": Process,
    "length": Length,
    "format": Format,
    "semantic": Semantic,
}


def group_of(name: str, values: Any) -> type[Group]:
    """The options of the reward `name`; a function in the place of one of ours makes it the user's own."""
    own = isinstance(values, Mapping) and "function" in values
    return OwnReward if own else OURS.get(name, OwnReward)
