"""The options tree: defaults from `config/options.yaml`, a user's values over them, ranges checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipe.mrpo.options.names import wrong_name
from recipe.mrpo.options.renamed import with_new_names
from recipe.mrpo.options.schema.check import first_fault
from recipe.mrpo.options.schema.kinds import shown

OPTIONS_FILE = Path(__file__).parents[1] / "config" / "options.yaml"

ESTIMATORS = ("mrpo",)
"""Values of algorithm.adv_estimator that are ours. GDPO keeps verl's name."""


class OptionError(ValueError):
    """A value or name that MRPO cannot run with; the message names the option to change."""


@cache
def _defaults() -> DictConfig:
    return OmegaConf.load(OPTIONS_FILE)


def load_options(overrides: Mapping[str, Any] | DictConfig | None = None) -> DictConfig:
    """All options of MRPO: the defaults with `overrides` merged over them.

    Raises OptionError with one sentence for an unknown name or a value that MRPO cannot run with.
    """
    if not isinstance(overrides, (Mapping, DictConfig, type(None))):
        raise OptionError(f"mrpo must be a group of options such as mrpo.tau, not {shown(overrides)}.")
    given = _plain(overrides)
    defaults = OmegaConf.to_container(_defaults(), resolve=False)
    try:
        given = with_new_names(given, defaults)
    except ValueError as error:
        raise OptionError(str(error)) from error
    fault = wrong_name(given, defaults)
    if fault is not None:
        raise OptionError(fault)
    options = OmegaConf.merge(_defaults(), OmegaConf.create(given))
    check_options(options)
    return options


def _plain(overrides: Mapping[str, Any] | DictConfig | None) -> dict[str, Any]:
    """A user's options as plain values.

    A reference to another option (`${..encoder}`) stays, because it must follow that option; any other
    (`${trainer.x}`, `${oc.env:X}`) takes its value here, because the options leave the tree to which it points.
    """
    try:
        node = overrides if isinstance(overrides, DictConfig) else OmegaConf.create(dict(overrides or {}))
    except OmegaConfBaseException as error:
        raise OptionError(f"mrpo.{error.full_key} must be a plain value: {str(error).splitlines()[0]}") from error
    return _resolved(node, "mrpo")


def _resolved(node: DictConfig, path: str) -> dict[str, Any]:
    result = {}
    for key in node:
        name = f"{path}.{key}"
        if OmegaConf.is_missing(node, key):
            continue  # ???: as if it were not given
        raw = node._get_node(key)._value()
        follows = OmegaConf.is_interpolation(node, key) and str(raw).startswith("${.")
        try:
            value = raw if follows else node[key]
            if isinstance(value, DictConfig):
                value = _resolved(value, name)
            elif isinstance(value, ListConfig):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            raise OptionError(f"{name}={shown(raw)} has no value: {str(error).splitlines()[0]}.") from error
        result[key] = value
    return result


def shaping_options(options: DictConfig) -> dict[str, dict[str, Any]]:
    """What a shaping rule may read: options of MRPO (`shared`) and those of the user's own rule (`own`)."""
    own = OmegaConf.to_container(options.shaping_options, resolve=True)
    return {"shared": {name: options[name] for name in ("factor_base", "round_factors")}, "own": own}


def changed_options(options: DictConfig) -> dict[str, Any]:
    """Dotted names and values of the options that differ from their defaults."""
    defaults = dict(_flat(_defaults()))
    return {name: value for name, value in _flat(options) if name not in defaults or defaults[name] != value}


def _flat(node: DictConfig, path: str = "") -> list[tuple[str, Any]]:
    out = []
    for key in node:
        name = f"{path}.{key}" if path else str(key)
        if OmegaConf.is_interpolation(node, key):
            continue  # it says what another option says
        value = node[key]
        out += _flat(value, name) if isinstance(value, DictConfig) else [(name, value)]
    return out


def check_options(options: DictConfig) -> None:
    """Raise OptionError for the first value out of range."""
    try:
        plain = OmegaConf.to_container(options, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise OptionError(f"mrpo.{error.full_key} has no value: {str(error).splitlines()[0]}.") from error
    fault = first_fault(plain)
    if fault is not None:
        raise OptionError(fault)
