"""The first fault of an options tree, as one sentence that names the option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from recipe.mrpo.judge.member_options import merged
from recipe.mrpo.options.schema.judge import Judge
from recipe.mrpo.options.schema.kinds import Kind, Told, kind_of, shown
from recipe.mrpo.options.schema.options import Options
from recipe.mrpo.options.schema.rewards import group_of


def first_fault(options: Mapping[str, Any]) -> str | None:
    """The first fault of a whole tree of plain values, such as "mrpo.tau must be a number in [0, 1], not 'abc'."

    None if there is no fault. A member of an ensemble is checked with its options over those of `mrpo.judge`.
    """
    fault = _fault(Options, options, "mrpo")
    if fault is not None:
        return fault
    for name, reward in options["rewards"].items():
        fault = _fault(group_of(name, reward), reward, f"mrpo.rewards.{name}")
        if fault is not None:
            return fault
    judge = {**options["judge"], "members": {}}
    for name, own in options["judge"]["members"].items():
        fault = _fault(Judge, merged(judge, own or {}), f"mrpo.judge.members.{name}")
        if fault is not None:
            return fault
    return None


def _fault(model: type[BaseModel], values: Mapping[str, Any], path: str) -> str | None:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return _sentence(model, error.errors(include_url=False)[0], path)
    return None


def _sentence(model: type[BaseModel], error: Mapping[str, Any], path: str) -> str:
    name, kind, value = _option(model, error, path)
    told = error.get("ctx", {}).get("error")
    if isinstance(told, Told):
        return str(told)
    if error["type"] in ("both", "order"):
        return f"{name} {error['msg']}, not {shown(value)}."
    if error["type"] == "missing":
        return f"{name} is missing; set it."
    if kind is None:
        return f"{name} must be a group of options, not {shown(value)}."
    if kind.secret:
        return f"{name} must be {kind.wanted()}; its value is not shown, because it may hold a key or a password."
    return f"{name} must be {kind.wanted()}, not {shown(value)}."


def _option(model: type[BaseModel], error: Mapping[str, Any], path: str) -> tuple[str, Kind | None, Any]:
    """Full name, kind and value of the option that an error is about: the place below it is left out."""
    group: type[BaseModel] | None = model
    for part in error["loc"]:
        path = f"{path}.{part}"
        kind = None if group is None else kind_of(group, str(part))
        if kind is not None:
            return path, kind, error["input"]
        field = None if group is None else group.model_fields.get(str(part))
        below = None if field is None else field.annotation
        group = below if isinstance(below, type) and issubclass(below, BaseModel) else None
    return path, None, error["input"]
