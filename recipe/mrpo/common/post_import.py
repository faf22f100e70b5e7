"""Post-import hooks: run a callback right after a module has been executed, without importing it early.

verl loads its plugins at the end of ``import verl``, in every process. Importing the modules we register with
there would cost seconds in each of them, so we wait until verl itself imports them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[ModuleType], object]

_callbacks: dict[str, dict[str, Callback]] = {}  # module name -> callback name -> callback
_resolving = threading.local()  # module names whose spec this thread is asking the other finders for


def after_import(module_name: str, callback: Callback) -> None:
    """Run ``callback(module)`` as soon as ``module_name`` is executed, or at once when it already is.

    Callbacks of one module run in the order they were added; adding the same callback (by its qualified name) to the
    same module again does nothing. A module executed again (``importlib.reload``) gets its callbacks again.

    Raises RuntimeError when the callback fails (the import that triggered it fails too), or when the module is just
    being executed, because then it is too late to wait for it and too early to change it.
    """
    name = f"{callback.__module__}.{callback.__qualname__}"
    known = _callbacks.setdefault(module_name, {})
    if name in known:
        return
    module = sys.modules.get(module_name)
    if module is not None:
        if getattr(module.__spec__, "_initializing", False):
            raise RuntimeError(f"hook {name} must be added before the import of {module_name} starts, not during it")
        _run(name, callback, module)
    known[name] = callback
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _run(name: str, callback: Callback, module: ModuleType) -> None:
    try:
        callback(module)
    except Exception as error:
        raise RuntimeError(f"hook {name} failed after the import of {module.__name__}: {error}") from error


class _Finder:
    """A meta path finder that finds nothing itself: it lets the others find, and extends the loader's last step."""

    def find_spec(self, name: str, path=None, target: ModuleType | None = None) -> ModuleSpec | None:
        busy = _resolving.__dict__.setdefault("names", set())
        if name not in _callbacks or name in busy:  # the second: another finder that asks the meta path like we do
            return None
        busy.add(name)
        try:
            specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
            spec = next((found for found in specs if found is not None), None)
        finally:
            busy.discard(name)
        if spec is not None and spec.loader is not None:
            _extend(spec)
        return spec


def _extend(spec: ModuleSpec) -> None:
    if isinstance(spec.loader, type):  # built-in and frozen modules: the loader is a class shared by all of them
        raise RuntimeError(f"{spec.name} is built into Python: it cannot have a post-import hook")
    loader: Any = spec.loader  # Any, because a method of this one object is set
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        loader.exec_module = execute  # one execution only: a reload gets another loader
        execute(module)
        for name, callback in list(_callbacks[module.__name__].items()):
            _run(name, callback, module)

    # Set on this one loader object, so that its type and its other methods (get_source, resources) stay.
    loader.exec_module = exec_module


_FINDER = _Finder()
