"""What a module of another package has, read from its source: nothing of it is imported, so looking is cheap.

An import of verl's rollout servers costs seconds and needs a GPU stack; their source can be read anywhere.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path


@cache
def module_file(module: str) -> Path | None:
    """The source file of a module, found without importing it or its packages; None if there is no such module.

    A module without source (compiled, built in) counts as absent.
    """
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except ValueError:  # a module made by hand, e.g. by a test, without a spec
        return None
    name = first
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name += f".{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def difference(reference: str) -> str | None:
    """How a module differs from `reference`, in words; None if it has all the names.

    `reference`: `package.module`, `package.module:NAME`, `package.module:Class.NAME`, or either of the last two with
    parameters, `package.module:Class.method(self, a, *, b)`. Parameters must have these names in this order; another
    one without a default is a difference too, unless the reference ends with `*args`.
    """
    module, _, wanted = reference.partition(":")
    file = module_file(module)
    if file is None:
        return f"there is no module {module}"
    if not wanted:
        return None
    path, _, parameters = wanted.partition("(")
    scope, node = _names(file), None
    for depth, name in enumerate(path.split("."), start=1):
        if name not in scope:
            return f"{module} has no {'.'.join(path.split('.')[:depth])}"
        node = scope[name]
        scope = _bound(node.body) if isinstance(node, ast.ClassDef) else {}
    if not parameters:
        return None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return f"{module}:{path} is not a function"
    expected = ast.parse(f"def f({parameters}: ...").body[0]
    assert isinstance(expected, ast.FunctionDef)
    if _fits(node.args, expected.args):
        return None
    return f"{module}:{path} takes ({ast.unparse(node.args)}), not ({parameters}"


@cache
def _names(file: Path) -> dict[str, ast.AST]:
    return _bound(ast.parse(file.read_text(encoding="utf-8")).body)


def _bound(body: list[ast.stmt]) -> dict[str, ast.AST]:
    """Names that statements bind, also below if, try and with; the last one counts."""
    found: dict[str, ast.AST] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0]: node for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
        else:
            for part in ("body", "handlers", "orelse", "finalbody"):
                found |= _bound(getattr(node, part, []))
    return found


def _fits(actual: ast.arguments, expected: ast.arguments) -> bool:
    places = [a.arg for a in [*actual.posonlyargs, *actual.args]]
    wanted = [a.arg for a in [*expected.posonlyargs, *expected.args]]
    keywords = [a.arg for a in expected.kwonlyargs]
    if places[: len(wanted)] != wanted:
        return False
    by_name = {a.arg for a in [*actual.args, *actual.kwonlyargs]}
    if not set(keywords) <= by_name and actual.kwarg is None:
        return False
    if expected.vararg is not None:
        return True
    required = places[: len(places) - len(actual.defaults)]
    required += [a.arg for a, d in zip(actual.kwonlyargs, actual.kw_defaults, strict=True) if d is None]
    return set(required) <= {*wanted, *keywords}
