"""Judges by name: those of this package, and a user's own by `module:name`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeGuard

from recipe.mrpo.common.load import is_own
from recipe.mrpo.common.printable import printable
from recipe.mrpo.common.registry import Registry
from recipe.mrpo.judge.checked import CheckedJudge
from recipe.mrpo.judge.protocol import CacheableJudge, Judge

logger = logging.getLogger(__name__)

OPTION = "mrpo.judge.name"
Factory = Callable[..., Judge]

# Imported only when asked for: the client library costs a second that an offline judge should not pay.
BUILT_IN = {
    "overlap": "recipe.mrpo.judge.overlap.judge",
    "openai": "recipe.mrpo.judge.chat.judge",
    "router": "recipe.mrpo.judge.chat.router",
    "ensemble": "recipe.mrpo.judge.ensemble",
    "continuations": "recipe.mrpo.judge.continuations.judge",
}
JUDGES: Registry[Factory] = Registry("judge", BUILT_IN)

register_judge = JUDGES.register
"""Decorator: `factory(options)` makes the judge that `mrpo.judge.name=<name>` asks for, from the node `mrpo.judge`."""


def get_judge(options: Mapping[str, Any]) -> CheckedJudge:
    """The judge that `options` (the node `mrpo.judge`, plain values) asks for.

    Raises ValueError naming the option to change for an unknown name or a value no judge can run with.
    """
    factory, name = judge_factory(options), options["name"]
    if is_own(name) and hasattr(factory, "from_judge_options"):
        made = factory.from_judge_options(options)  # a subclass of ChatJudge is set by the options of that judge
    else:
        made = _own_judge(factory, name, options["options"] or {}) if is_own(name) else factory(options)
    for method in ("label", "close"):
        if not inspect.iscoroutinefunction(getattr(made, method, None)):
            raise ValueError(
                f"{OPTION}={name} must make an object with async methods label and close; {method} is not one."
            )
    return CheckedJudge(
        _protected(made, options), made=made, name=str(getattr(made, "name", name)), own=name not in BUILT_IN,
        own_timeout_s=options["own_timeout_s"],
    )  # fmt: skip


def judge_factory(options: Mapping[str, Any]) -> Factory:
    """What makes the judge of `options`; nothing is made. Raises ValueError for a name that is not there."""
    name, module = options["name"], options["module"]
    if module:
        _import_module(module)
    if not isinstance(name, str):
        raise ValueError(f"{OPTION} must be a name, not {name!r}.")
    factory = JUDGES.get(name, OPTION)
    if not callable(factory):
        raise ValueError(f"{OPTION}={name} must be a class or a function that makes a judge, not {factory!r}.")
    if not isinstance(options["options"] or {}, Mapping):
        raise ValueError(f"mrpo.judge.options must be a group of options, not {options['options']!r}.")
    if options["options"] and not is_own(name):
        raise ValueError(
            f"mrpo.judge.options is for your own judge, and {OPTION}={name} is not one; name yours as "
            f"{OPTION}=package.module:Class, or leave mrpo.judge.options empty."
        )
    return factory


def _import_module(module: object) -> None:
    """Import the user's module that calls `register_judge`; the way of the previous release, before `module:name`."""
    if not isinstance(module, str) or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"mrpo.judge.module={module} is not a dotted name of a module such as my_package.my_judge.")
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        # The module may exist and need another one that is missing: then the option is right.
        lacks = "is" if f"{module}.".startswith(f"{error.name}.") else f"needs {error.name}, which is"
        raise ValueError(
            f"mrpo.judge.module={module} {lacks} not a module that Python finds; correct the name, install it, or put "
            "the folder that holds it into PYTHONPATH."
        ) from error
    except Exception as error:  # whatever the user's module raises while it is imported
        what = f"{type(error).__name__}: {printable(error)}"
        raise ValueError(f"mrpo.judge.module={module} cannot be imported: {what}") from error
    logger.warning(
        "mrpo.judge.module=%s is the old way to name your own judge, and works in this release only; set "
        "mrpo.judge.name=%s:<class>, with its options in mrpo.judge.options.",
        module,
        module,
    )


def _own_judge(factory: Factory, name: str, options: Mapping[str, Any]) -> Judge:
    """The user's judge, made with `mrpo.judge.options` as keyword arguments. Raises ValueError naming the option."""
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError) as error:
        raise ValueError(f"{OPTION}={name} must have a signature that Python can read: {error}") from error
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for key in options:
        if not takes_any and key not in {p.name for p in by_name}:
            choice = ", ".join(p.name for p in by_name) or "none"
            raise ValueError(f"mrpo.judge.options.{key} is not an option of {OPTION}={name}, which takes: {choice}.")
    for parameter in by_name:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise ValueError(
                f"{OPTION}={name} needs the option {parameter.name}; set mrpo.judge.options.{parameter.name}."
            )
    try:
        return factory(**options)
    except Exception as error:  # whatever the user's own class raises
        raise ValueError(f"{OPTION}={name} cannot be made: {type(error).__name__}: {printable(error)}") from error


def _is_cacheable(judge: Judge) -> TypeGuard[CacheableJudge]:
    return hasattr(judge, "cache_key")


def _protected(judge: Judge, options: Mapping[str, Any]) -> Judge:
    """The judge behind a breaker and a cache, if it has a `cache_key`: then it makes calls that they can spare."""
    cache = options["cache"]
    if not _is_cacheable(judge):
        if cache["path"] and options["name"] != "ensemble":
            logger.info("mrpo.judge.cache is not used: %s=%s has no cache_key", OPTION, options["name"])
        return judge
    from recipe.mrpo.judge.protect.breaker import guarded
    from recipe.mrpo.judge.protect.label_cache import CachedJudge
    from recipe.mrpo.judge.protect.label_store import LabelStore

    judge = guarded(judge, **options["breaker"])
    if not cache["path"]:
        return judge
    store = LabelStore(cache["path"], max_mb=cache["max_mb"])
    # Two judges of a user's own may share a file, and know nothing of each other's keys.
    own = None if options["name"] in BUILT_IN else [options["name"], options["options"]]
    return CachedJudge(judge, store, namespace=cache["namespace"], member=options.get("member"), own=own)
