"""Rewards by name: turns the options under `mrpo.rewards` into functions of one rollout."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from recipe.mrpo.common.load import load_object
from recipe.mrpo.common.plain import plain
from reward_fns.registry import NODE, REWARDS, Factory, Reward, RewardFn, RewardInput, marked

LARGEST = 1e24
"""Largest value or weight; above it an advantage may not fit into float32."""


class BadValue(ValueError):
    """A reward that is not a finite number; the message names the option to change."""


def build_rewards(rewards: Mapping[str, Any], *, tau: float | None = None) -> list[Reward]:
    """The rewards that the node mrpo.rewards asks for, `answer` first; slow parts are loaded here.

    Raises ValueError naming the option for an unknown reward or option, a missing one, a value out of range, an encoder
    or function that cannot be loaded, or (with `tau`) a conflict_cap above tau, which would make conflicts right.
    """
    nodes = plain(rewards)
    answer = nodes.get("answer", {})
    # A function in its place has no conflict_cap.
    cap = None if "function" in answer else answer.get("conflict_cap")
    if tau is not None and cap is not None and cap > tau:
        raise ValueError(f"{NODE}.answer.conflict_cap={cap} must be at most mrpo.tau={tau}.")
    built = [_build(name, node) for name, node in nodes.items()]
    return sorted((reward for reward in built if reward is not None), key=lambda reward: reward.name != "answer")


def labels_are_read(rewards: Iterable[Reward]) -> bool:
    """Does a reward that counts (its weight is not 0) read the judge's labels?"""
    return any(reward.reads_labels for reward in rewards if reward.weight)


def _build(name: str, node: Any) -> Reward | None:
    path = f"{NODE}.{name}"
    if node is not None and not isinstance(node, Mapping):
        raise ValueError(f"{path} must be a group of options such as {path}.weight, not {node!r}.")
    node = dict(node or {})
    if "weight" not in node:
        raise ValueError(f"{path} has no weight; set {path}.weight.")
    weight = node.pop("weight")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not abs(weight) <= LARGEST:
        raise ValueError(f"{path}.weight must be a number, not {weight!r}.")
    if not node.pop("enabled", True):
        if name == "answer":
            raise ValueError(f"{path}.enabled must not be false: tau needs the answer reward; its weight may be 0.")
        return None
    if "function" in node:
        fn, own = _own_function(name, node, path), True
    else:
        fn, own = _from_factory(name, node, path)
    return Reward(name, float(weight), fn, reads_labels=bool(getattr(fn, "reads_labels", True)), own=own)


def _own_function(name: str, node: dict[str, Any], path: str) -> RewardFn:
    where = node.pop("function")
    function = load_object(where, f"{path}.function")
    if not callable(function):
        raise ValueError(f"{path}.function={where} is not a function.")
    if any(map(inspect.iscoroutinefunction, (function, type(function).__call__))):  # an object may be called, too
        raise ValueError(f"{path}.function={where} is async; a reward must be a plain function of one rollout.")
    given, *options = _parameters(function, path) or (None,)
    if given is None or given.kind in (given.KEYWORD_ONLY, given.VAR_KEYWORD):
        raise ValueError(f"{path}.function={where} must take the rollout as its first argument.")
    if name in REWARDS.names():  # it stands in for one of ours, whose options are in the node
        ours = {p.name for p in _parameters(REWARDS.get(name, path), path)} - {p.name for p in options}
        node = {key: value for key, value in node.items() if key not in ours}
    _check_options(options, node, path)
    return _checked(function, path, node)


def _from_factory(name: str, node: dict[str, Any], path: str) -> tuple[RewardFn, bool]:
    """The function of a registered factory, and whether the user registered it."""
    if name not in REWARDS.names():
        raise ValueError(
            f"{path} is unknown; choose one of {', '.join(REWARDS.names())}, or name your own function in "
            f"{path}.function."
        )
    factory: Factory = REWARDS.get(name, path)
    _check_options(_parameters(factory, path), node, path)
    fn = factory(**node)
    own = factory.__module__ != "reward_fns.builtin"
    return (_checked(fn, path, {}) if own else fn), own


def _parameters(function: Callable[..., Any], path: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: {function!r} does not say which arguments it takes; wrap it in a function."
        ) from error


def _check_options(parameters: Sequence[inspect.Parameter], node: Mapping[str, Any], path: str) -> None:
    """Refuse keys that the parameters do not name, and parameters that the keys do not fill."""
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for key in node:
        if key not in known and not open_ended:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {path}.{close[0]}?" if close else f"it has {', '.join(known) or 'no options'}."
            raise ValueError(f"{path}.{key} is not an option of this reward; {hint}")
    for key, parameter in known.items():
        if key not in node and parameter.default is inspect.Parameter.empty:
            raise ValueError(f"{path}.{key} is missing.")


def _checked(function: Callable[..., Any], path: str, options: Mapping[str, Any]) -> RewardFn:
    """The function with its options; a value that is not a number raises here, where the option's name is known."""

    def checked(given: RewardInput) -> float | None:
        return as_number(function(given, **options), path)

    return marked(checked, reads_labels=getattr(function, "reads_labels", True))


def as_number(value: Any, path: str) -> float | None:
    """A reward's value as a float; None stays unknown. NumPy's and torch's scalars are numbers, and so is a bool.

    Raises BadValue naming `path`.function for anything else, for nan and for infinity.
    """
    if value is None:
        return None
    number = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value  # NumPy, torch
    is_real = isinstance(number, Real)
    if not is_real or not abs(number) <= LARGEST:  # nan is not <= anything
        raise BadValue(f"{path}.function must return a finite number or None, not {ascii(value)[:200]}.")
    return float(number)
