"""Judges by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from recipe.mrpo.judge.protocol import Judge

logger = logging.getLogger(__name__)

Factory = Callable[[Mapping[str, Any]], Judge]

_FACTORIES: dict[str, Factory] = {}
# Imported only when asked for: the client library costs a second that an offline judge should not pay.
_BUILT_IN = {
    "overlap": "recipe.mrpo.judge.overlap.judge",
    "openai": "recipe.mrpo.judge.chat.judge",
    "router": "recipe.mrpo.judge.chat.router",
    "ensemble": "recipe.mrpo.judge.ensemble",
}


def register_judge(name: str) -> Callable[[Factory], Factory]:
    """Decorator: `factory(options)` makes the judge that `mrpo.judge.name=<name>` asks for.

    Raises ValueError if the name is taken by another factory.
    """

    def register(factory: Factory) -> Factory:
        if _FACTORIES.get(name, factory) is not factory:
            raise ValueError(f"a judge named {name!r} is registered already")
        _FACTORIES[name] = factory
        return factory

    return register


def get_judge(options: Mapping[str, Any]) -> Judge:
    """The judge that `options` (the node `mrpo.judge`, plain values) asks for.

    Raises ValueError naming the option to change for an unknown name or a value no judge can run with.
    """
    require_registered(options)
    return _wrapped(_FACTORIES[options["name"]](options), options)


def require_registered(options: Mapping[str, Any]) -> None:
    """Import what registers the judge of `options`. Raises ValueError for a module or a name that is not there."""
    name, module = options["name"], options["module"]
    if module:
        if not isinstance(module, str) or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"mrpo.judge.module={module} is no dotted name of a module, such as my_package.my_judge.")
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            # What the module itself imports may be missing as well: then the option is right.
            lacks = "is" if f"{module}.".startswith(f"{error.name}.") else f"needs {error.name}, which is"
            raise ValueError(
                f"mrpo.judge.module={module} {lacks} no module that Python finds; correct the name, install it, or put "
                "the folder that holds it into PYTHONPATH."
            ) from error
    if name in _BUILT_IN:
        import_module(_BUILT_IN[name])
    if name not in _FACTORIES:
        known = ", ".join(sorted({*_BUILT_IN, *_FACTORIES}))
        raise ValueError(
            f"mrpo.judge.name={name} is unknown; choose one of {known} or register yours "
            "(recipe.mrpo.judge.register_judge, in a module named by mrpo.judge.module)."
        )


def _wrapped(judge: Judge, options: Mapping[str, Any]) -> Judge:
    """The judge with breaker and cache, where it makes calls of its own that they can spare (it has a `cache_key`)."""
    cache = options["cache"]
    if not hasattr(judge, "cache_key"):
        if cache["path"] and judge.name != "ensemble":
            logger.info("mrpo.judge.cache is not used: the judge %s has no cache_key", judge.name)
        return judge
    from recipe.mrpo.judge.protect.breaker import guarded
    from recipe.mrpo.judge.protect.label_cache import CachedJudge, LabelStore

    judge = guarded(judge, **options["breaker"])
    if not cache["path"]:
        return judge
    store = LabelStore(cache["path"], max_mb=cache["max_mb"])
    return CachedJudge(judge, store, namespace=cache["namespace"], member=options.get("member"))
