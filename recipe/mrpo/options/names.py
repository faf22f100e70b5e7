"""Names of options: an unknown name is a typo, and the error shows the closest known name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from recipe.mrpo.options.schema.kinds import shown

OPEN_NODES = {
    "rewards": "a reward of the user's own",
    "judge.members": "a member of an ensemble",
    "judge.options": "an option of the user's own judge",
    "shaping_options": "an option of the user's own shaping rule",
}
"""Groups of options in which a user may add names; in all other groups an unknown name is a typo."""

OF_EVERY_REWARD = ("enabled",)
"""Options that every reward takes, listed in options.yaml or not."""


def wrong_name(given: Mapping[Any, Any], known: Mapping[str, Any]) -> str | None:
    """A sentence on the first unknown name, or on the first group that is given another value; None: all are right.

    `given`: a user's options as plain values; `known`: those of options.yaml. A member of an ensemble has the names of
    `mrpo.judge`.
    """
    fault = _wrong(given, known, "", "", known)
    if fault is not None:
        return fault
    members = given.get("judge", {}).get("members", {})
    for name, own in members.items():
        path = f"judge.members.{name}"
        fault = _wrong({} if own is None else own, known["judge"], path, "judge", known)
        if fault is not None:
            return fault
    return None


def _wrong(given: Any, known: Mapping[str, Any], path: str, group: str, root: Mapping[str, Any]) -> str | None:
    """`path`: where `given` stands; `group`: the group of options.yaml whose names it has; `root`: all of them."""
    if not isinstance(given, Mapping):
        names = f" ({', '.join(known)})" if known else ""
        return f"mrpo.{path} must be a group of options{names}, not {shown(given)}."
    for key, value in given.items():
        if not isinstance(key, str):
            return f"mrpo{f'.{path}' if path else ''} holds the name {key!r}; the name of an option must be text."
        name, below = (f"{p}.{key}" if p else key for p in (path, group))
        if key not in known:
            if group in OPEN_NODES or _is_of_any_reward(group, key, given):
                continue
            return _unknown(name, key, known)
        if isinstance(known[key], Mapping):
            fault = _wrong(value, known[key], name, below, root)
            if fault is not None:
                return fault
        elif isinstance(known[key], list) and isinstance(value, Mapping):
            return f"mrpo.{name} must be a list, not {shown(value)}."
        elif isinstance(value, Mapping) and (followed := _followed(known[key], below)):
            names: Any = root
            for part in followed:
                names = names[part]
            if isinstance(names, Mapping) and (fault := _wrong(value, names, name, ".".join(followed), root)):
                return fault
    return None


def _followed(default: Any, name: str) -> list[str] | None:
    """The group that an option follows by default (`${...rewards.answer}`), as the parts of its name; None: none."""
    if not isinstance(default, str) or not default.startswith("${."):
        return None
    target = default[2:-1]
    parts = target.lstrip(".")
    up = len(target) - len(parts)
    above = name.split(".")
    return [*above[: len(above) - up], *parts.split(".")]


def _is_of_any_reward(group: str, key: str, given: Mapping[str, Any]) -> bool:
    """May this key stand at any reward? A function in the place of one of ours brings options that we do not know."""
    return group.startswith("rewards.") and group.count(".") == 1 and (key in OF_EVERY_REWARD or "function" in given)


def _unknown(name: str, key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if not close:
        return f"Unknown option mrpo.{name}; see docs/options.md."
    return f"Unknown option mrpo.{name}; did you mean mrpo.{name.removesuffix(key)}{close[0]}?"
