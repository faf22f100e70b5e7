"""The options tree: defaults from `config/options.yaml`, a user's values over them, ranges checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.load import is_own
from recipe.mrpo.options.renamed import RENAMED, with_new_names

OPTIONS_FILE = Path(__file__).parents[1] / "config" / "options.yaml"

ESTIMATORS = ("mrpo",)
"""Values of algorithm.adv_estimator that are ours. GDPO keeps verl's name."""

OPEN_NODES = {
    "rewards": "a reward of the user's own",
    "judge.members": "a member of an ensemble",
    "judge.options": "an option of the user's own judge",
    "shaping_options": "an option of the user's own shaping rule",
}
"""Groups of options in which a user may add names; everywhere else an unknown name is a typo."""


class OptionError(ValueError):
    """A value or name that MRPO cannot run with; the message names the option to change."""


@cache
def _defaults() -> DictConfig:
    return OmegaConf.load(OPTIONS_FILE)


def load_options(overrides: Mapping[str, Any] | DictConfig | None = None) -> DictConfig:
    """All options of MRPO: the defaults with `overrides` merged over them.

    Raises OptionError for an unknown name or a value out of range.
    """
    if not isinstance(overrides, (Mapping, DictConfig, type(None))):
        raise OptionError(f"mrpo must be a group of options such as mrpo.tau, not {overrides!r}.")
    given = OmegaConf.create({} if overrides is None else overrides)
    if RENAMED:
        plain, defaults = (OmegaConf.to_container(tree, resolve=False) for tree in (given, _defaults()))
        try:
            given = OmegaConf.create(with_new_names(plain, defaults))
        except ValueError as error:
            raise OptionError(str(error)) from error
    _refuse_unknown(given, _defaults(), "")
    options = OmegaConf.merge(_defaults(), given)
    check_options(options)
    return options


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
        value = node[key]
        out += _flat(value, name) if isinstance(value, DictConfig) else [(name, value)]
    return out


def _is_of_any_reward(path: str, key: str, given: DictConfig) -> bool:
    """May this key stand at any reward? A function in the place of one of ours brings options that we do not know."""
    return path.startswith("rewards.") and path.count(".") == 1 and (key == "enabled" or "function" in given)


def _refuse_unknown(given: DictConfig, known: DictConfig, path: str) -> None:
    for key in given:
        name = f"{path}.{key}" if path else str(key)
        if key not in known:
            if path in OPEN_NODES or _is_of_any_reward(path, key, given):
                continue
            close = difflib.get_close_matches(str(key), [str(k) for k in known], n=1)
            hint = (
                f"did you mean mrpo.{path + '.' if path else ''}{close[0]}?" if close else f"see {OPTIONS_FILE.name}."
            )
            raise OptionError(f"mrpo.{name} is no option of MRPO; {hint}")
        child = known[key] if not OmegaConf.is_missing(known, key) else None
        if isinstance(child, DictConfig) and isinstance(given[key], DictConfig):
            _refuse_unknown(given[key], child, name)
        elif isinstance(child, DictConfig):
            raise OptionError(f"mrpo.{name} is a group of options ({', '.join(map(str, child))}), not {given[key]!r}.")


def _number(options: DictConfig, name: str, low: float, high: float | None = None) -> None:
    value = OmegaConf.select(options, name)
    inside = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= low
    if not inside or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise OptionError(f"mrpo.{name} must be a number {limits}, not {value!r}.")


def _choice(options: DictConfig, name: str, allowed: tuple[str, ...], *, own: str = "") -> None:
    value = OmegaConf.select(options, name)
    if value not in allowed:
        more = f", or name your own as {own}" if own else ""
        raise OptionError(f"mrpo.{name}={value!r} is unknown; choose one of {', '.join(allowed)}{more}.")


def check_options(options: DictConfig) -> None:
    """Raise OptionError for the first value out of range."""
    from recipe.mrpo.credit.final_norms import FINAL_NORMS
    from recipe.mrpo.credit.shaping.registry import SHAPINGS
    from recipe.mrpo.judge.when_to_judge import ASK_FOR
    from recipe.mrpo.rollout.steps import SPLITTERS, UNCLOSED

    if not is_own(options.shaping):
        _choice(options, "shaping", SHAPINGS.names(), own="package.module:rule or folder/file.py:rule")
    _number(options, "tau", 0, 1)
    _number(options, "factor_base", 1)
    if not isinstance(options.round_factors, bool):
        raise OptionError(f"mrpo.round_factors must be true or false, not {options.round_factors!r}.")
    _choice(options, "gdpo.final_norm", FINAL_NORMS)
    _choice(options, "steps.splitter", SPLITTERS)
    _choice(options, "steps.unclosed", UNCLOSED)
    _choice(options, "gold_reasoning", ("required", "optional"))
    _choice(options, "judge.ask_for", ASK_FOR)
    prices = options.judge.price_per_million
    if (prices.prompt is None) != (prices.completion is None):
        raise OptionError("mrpo.judge.price_per_million needs both, prompt and completion, or neither.")
    if prices.prompt is not None:
        _number(options, "judge.price_per_million.prompt", 0)
        _number(options, "judge.price_per_million.completion", 0)
    _number(options, "metrics.stage_cuts.early", 0, 1)
    _number(options, "metrics.stage_cuts.mid", options.metrics.stage_cuts.early, 1)
    _number(options, "guards.min_probs_correlation", -1, 1)
    _choice(options, "guards.on_low_correlation", ("warn", "stop"))
    _number(options, "guards.weight_sync_timeout_s", 0)
    if "answer" not in options.rewards:
        raise OptionError("mrpo.rewards.answer is missing; without it no rollout can be right or wrong.")
