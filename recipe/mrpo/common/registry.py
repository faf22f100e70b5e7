"""Names to objects: how rewards, judges and shaping rules are found by the name that an option holds."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from recipe.mrpo.common.load import is_own, load_object

T = TypeVar("T")


class Registry(Generic[T]):
    """The parts of one kind. `built_in` maps a name to the module that registers it, imported when it is asked for."""

    def __init__(self, kind: str, built_in: Mapping[str, str] | None = None):
        self.kind = kind
        self._built_in = dict(built_in or {})
        self._known: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: the decorated object is what `name` stands for. Raises ValueError if the name is taken."""

        def keep(part: T) -> T:
            if self._known.get(name, part) is not part:
                raise ValueError(f"a {self.kind} named {name!r} is registered already")
            self._known[name] = part
            return part

        return keep

    def names(self) -> tuple[str, ...]:
        """Every known name, built-in ones first; nothing is imported."""
        return tuple(dict.fromkeys([*self._built_in, *self._known]))

    def get(self, name: str, option: str) -> T:
        """The part of that name, or the user's own one (`module:name`).

        Raises ValueError naming `option` for an unknown name, NotLoaded for an own part that is not there.
        """
        if is_own(name):
            return load_object(name, option)
        if name not in self._known and name in self._built_in:
            importlib.import_module(self._built_in[name])
        if name not in self._known:
            raise ValueError(
                f"{option}={name} is unknown; choose one of {', '.join(self.names())}, or name your own {self.kind} as "
                "package.module:name."
            )
        return self._known[name]
