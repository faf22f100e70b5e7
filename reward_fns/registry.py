"""Rewards by name: what the options under `mrpo.rewards` ask for, as functions of one rollout."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recipe.mrpo.rollout.parsing import Parsed

NODE = "mrpo.rewards"


@dataclass(frozen=True, slots=True)
class RewardInput:
    """All that a reward may look at. Model output in it is data: never code, never a path."""

    parsed: Parsed
    prediction: str | None
    gold: tuple[str, ...]
    gold_reasoning: str
    num_steps: int
    labels: Sequence[int] | None
    overall: int | None
    """The judge's grade of the reasoning as a whole, 1 or 0; None: not asked for, or not known."""
    question: str
    answer_correct: bool | None
    """Is the answer reward above tau? None while that reward itself is being computed."""
    extra_info: Mapping[str, Any]

    def reasoning(self) -> str:
        """The text inside the think blocks."""
        return "\n".join(self.parsed.text[start:end] for start, end in self.parsed.think)


RewardFn = Callable[[RewardInput], "float | None"]
Factory = Callable[..., RewardFn]


@dataclass(frozen=True, slots=True)
class Reward:
    """A named reward; `fn` gives its value for a rollout, None if it is unknown. Weight 0: logged, not summed."""

    name: str
    weight: float
    fn: RewardFn


_FACTORIES: dict[str, Factory] = {}


def register_reward(name: str) -> Callable[[Factory], Factory]:
    """Decorator: `factory(*, option, ...)` makes the reward function of the node mrpo.rewards.<name>.

    The node's keys besides weight and enabled are the factory's keyword arguments. Raises ValueError if the name is
    taken by another factory.
    """

    def register(factory: Factory) -> Factory:
        if _FACTORIES.get(name, factory) is not factory:
            raise ValueError(f"a reward named {name!r} is registered already")
        _FACTORIES[name] = factory
        return factory

    return register


def build_rewards(rewards: Mapping[str, Any], *, tau: float | None = None) -> list[Reward]:
    """The rewards that the node mrpo.rewards asks for, `answer` first; what is slow to load is loaded here.

    Raises ValueError naming the option for an unknown reward or option, a missing one, a value out of range, an encoder
    or function that cannot be loaded, or (with `tau`) a conflict_cap above tau, which would make conflicts right.
    """
    importlib.import_module("reward_fns.builtin")  # registers ours; it needs this module first
    nodes = _plain(rewards)
    if tau is not None and (cap := nodes.get("answer", {}).get("conflict_cap")) is not None and cap > tau:
        raise ValueError(f"{NODE}.answer.conflict_cap={cap} must be at most mrpo.tau={tau}.")
    built = [_build(name, dict(node or {})) for name, node in nodes.items()]
    return sorted((reward for reward in built if reward is not None), key=lambda reward: reward.name != "answer")


def weighted_sum(rewards: Sequence[Reward], values: Mapping[str, float | None]) -> float | None:
    """R = sum of weight * value over the rewards with a weight; None if one of those is unknown."""
    summed = [(reward.weight, values[reward.name]) for reward in rewards if reward.weight]
    if any(value is None for _, value in summed):
        return None
    return math.fsum(weight * value for weight, value in summed)


def _plain(rewards: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a node that may be OmegaConf's, its references to other options resolved."""
    if type(rewards).__module__.startswith("omegaconf"):
        from omegaconf import OmegaConf

        return OmegaConf.to_container(rewards, resolve=True)
    return dict(rewards)


def _build(name: str, node: dict[str, Any]) -> Reward | None:
    path = f"{NODE}.{name}"
    if "weight" not in node:
        raise ValueError(f"{path} has no weight; set {path}.weight.")
    weight = node.pop("weight")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
        raise ValueError(f"{path}.weight must be a number, not {weight!r}.")
    if not node.pop("enabled", True):
        if name == "answer":
            raise ValueError(f"{path}.enabled must not be false: tau needs the answer reward; its weight may be 0.")
        return None
    if "function" in node:
        function = _checked(load_function(node.pop("function"), path), path)
        return Reward(name, float(weight), _bind(function, node, path) if node else function)
    if name not in _FACTORIES:
        raise ValueError(
            f"{path} is unknown; choose one of {', '.join(_FACTORIES)}, or name your own function in {path}.function."
        )
    return Reward(name, float(weight), _call(_FACTORIES[name], node, path))


def _call(factory: Factory, node: dict[str, Any], path: str) -> RewardFn:
    known = inspect.signature(factory).parameters
    for key in node:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {path}.{close[0]}?" if close else f"it has {', '.join(known) or 'no options'}."
            raise ValueError(f"{path}.{key} is no option of this reward; {hint}")
    for key, parameter in known.items():
        if key not in node and parameter.default is inspect.Parameter.empty:
            raise ValueError(f"{path}.{key} is missing.")
    return factory(**node)


def load_function(where: str, path: str) -> Callable[..., float | None]:
    """The function named by "package.module:function" or "directory/file.py:function" in the user's own options.

    Raises ValueError naming the option `path`.function if there is none.
    """
    module_name, _, function_name = where.rpartition(":")
    try:
        if not module_name or not function_name:
            raise ImportError("it needs the form package.module:function or file.py:function")
        if module_name.endswith(".py"):
            file = Path(module_name).expanduser().resolve()
            unique = f"mrpo_reward_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
            spec = importlib.util.spec_from_file_location(unique, file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(module_name)
        function = getattr(module, function_name)
    except (ImportError, OSError, AttributeError, SyntaxError) as error:
        raise ValueError(f"{path}.function={where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise ValueError(f"{path}.function={where} is no function.")
    return function


def _bind(function: Callable[..., float | None], node: dict[str, Any], path: str) -> RewardFn:
    def bound(given: RewardInput) -> float | None:
        return function(given, **node)

    return bound


def _checked(function: Callable[..., float | None], path: str) -> Callable[..., float | None]:
    """A user's reward that returns text or nan is stopped here, where its name is known."""

    def checked(given: RewardInput, **options: Any) -> float | None:
        value = function(given, **options)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{path}.function must return a finite number or None, not {value!r}.")
        return float(value)

    return checked
