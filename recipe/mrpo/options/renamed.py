"""Old names and values of options, kept for one release: old commands still run, with one warning.

To rename an option, change it in options.yaml and add one row here; no other code reads the old word.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

_MISSING = object()
_told: set[str] = set()


@dataclass(frozen=True)
class Renamed:
    """`old` and `new` are dotted names below `mrpo`; they are equal where only values have new words.

    `values` maps old values to new ones; a value that is not in it stays as it is.
    """

    old: str
    new: str
    values: Mapping[Any, Any] = field(default_factory=dict)


RENAMED: tuple[Renamed, ...] = (
    Renamed("judge.skip", "judge.ask_for", {"none": "all", "unused": "needed", "right": "wrong_answers"}),
    Renamed("steps.unclosed", "steps.unclosed_think", {"none": "drop"}),
    Renamed("judge.openai.prompts", "judge.openai.rubric", {None: "study"}),
)


def with_new_names(
    given: Mapping[str, Any], defaults: Mapping[str, Any], table: tuple[Renamed, ...] = RENAMED
) -> dict[str, Any]:
    """A copy of the options `given` (plain nested values) in which every old name and value is the new one.

    `defaults` is the plain tree of options.yaml: a configuration that lists every option has the new name at its
    default beside the old name that the user set. A row for `judge.x` also holds for `judge.members.NAME.x`.
    Raises ValueError if an old name and its new one are both set to something.
    """
    result = _copied(given)
    for row in table:
        _rename(result, defaults, row, "")
        judge = result.get("judge")
        members = judge.get("members") if isinstance(judge, dict) else None
        if row.old.startswith("judge.") and row.new.startswith("judge.") and isinstance(members, dict):
            below = Renamed(row.old.removeprefix("judge."), row.new.removeprefix("judge."), row.values)
            for name, member in members.items():
                if isinstance(member, dict):
                    _rename(member, defaults.get("judge", {}), below, f"judge.members.{name}.")
    return result


def _rename(tree: dict[str, Any], defaults: Mapping[str, Any], row: Renamed, prefix: str) -> None:
    value = _at(tree, row.old)
    if value is _MISSING:
        return
    new_value = row.values.get(value, value) if isinstance(value, (str, bool, int, float, type(None))) else value
    old, new = f"mrpo.{prefix}{row.old}", f"mrpo.{prefix}{row.new}"
    if row.old == row.new:
        if new_value is value:
            return
    else:
        present = _at(tree, row.new)
        if present is not _MISSING and present != _at(defaults, row.new) and present != new_value:
            raise ValueError(f"{old} is the old name of {new}, and both are set; set {new} alone.")
    _remove(tree, row.old)
    _set(tree, row.new, new_value)
    _tell_once(f"{old}={value} is now {new}={new_value}; the old word works in this release only.")


def _tell_once(sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        logger.warning("%s", sentence)


def _copied(value: Any) -> Any:
    return {key: _copied(below) for key, below in value.items()} if isinstance(value, Mapping) else value


def _at(tree: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            return _MISSING
        tree = tree[part]
    return tree


def _remove(tree: dict[str, Any], name: str) -> None:
    first, _, rest = name.partition(".")
    if not rest:
        del tree[first]
        return
    _remove(tree[first], rest)
    if not tree[first]:  # a group that held nothing but the old name
        del tree[first]


def _set(tree: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            return  # a value where a group belongs: refused by its name later
    tree[last] = value
