"""The house has floors: a room imports only rooms below it, and no room imports itself in a circle.

docs/architecture.md draws the same list. A door (a command line, verl's entry point, a file that verl loads by its
path) holds no logic, stands above everything, and nothing imports it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = (
    ("common", "config"),
    ("rollout", "tables", "cpu"),
    ("credit", "reward_fns", "endpoint", "tiny"),
    ("judge", "data_preprocess"),
    ("options", "methods"),
    ("scoring", "doctor"),
    ("startup",),
    ("wiring", "evaluate"),
    ("report", "worlds"),
    ("quickstart",),
    ("gpu_check",),
    ("door",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
TABLES = ("recipe.mrpo", "recipe.mrpo.backbones", "recipe.mrpo.hooks")
DOORS = ("recipe.mrpo.plugin", "recipe.mrpo.cli", "recipe.mrpo.schedule", "reward_fns.custom_reward")


def room(module: str) -> str:
    if module in DOORS or module.endswith("__main__"):
        return "door"
    if module in TABLES:
        return "tables"
    parts = module.split(".")
    return parts[0] if parts[0] != "recipe" else parts[2]


def imported(source: str, package: str) -> Iterator[str]:
    """Full names of the modules of ours that `source` imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = ".".join(package.split(".")[: -node.level + 1 or None]) + "." if node.level else ""
            names = [f"{full}{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and not is_module(name):
                name = name.rpartition(".")[0]
            if name.split(".")[0] in ("recipe", "reward_fns", "data_preprocess") and name != "recipe":
                yield name


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("recipe/mrpo", "reward_fns", "data_preprocess"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "shim" not in file.parts:  # found by Python through PYTHONPATH, imported by name from nowhere
                yield ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), file


def arrows_up(module: str, source: str) -> list[str]:
    """Modules that `module` must not import: on its own floor in another room, or above."""
    here = room(module)
    found = []
    for target in imported(source, module):
        there = room(target)
        if there != here and FLOOR[there] >= FLOOR[here]:
            found.append(target)
    return found


def test_every_room_has_a_floor():
    assert {room(module) for module, _ in modules()} == set(FLOOR)


def test_the_page_draws_these_floors():
    """docs/architecture.md: a row a floor, from the doors down."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE))
    assert len(rows) == len(FLOORS)
    for number, rooms in enumerate(FLOORS, start=1):
        drawn = set(re.findall(r"`(\w+)(?:/|\.py)`", rows[str(number)])) if rooms != ("door",) else {"door"}
        named = {"tables": {"backbones", "hooks"}}
        assert drawn == set().union(*(named.get(room, {room}) for room in rooms)), number


def test_a_room_imports_only_rooms_below_it():
    found = {
        (str(file.relative_to(ROOT)), target)
        for module, file in modules()
        for target in arrows_up(module, file.read_text())
    }
    assert not found, "\n".join(f"{a} imports {b}" for a, b in sorted(found))


@pytest.mark.parametrize(
    ("module", "line", "why"),
    [
        ("recipe.mrpo.rollout.steps", "from recipe.mrpo.judge import get_judge", "up two floors"),
        (
            "recipe.mrpo.credit.gdpo",
            "from recipe.mrpo.endpoint.address import Endpoint",
            "the same floor, another room",
        ),
        ("reward_fns.length", "import recipe.mrpo.options.tree", "a module named whole"),
        ("data_preprocess.slake", "def f():\n    from recipe.mrpo import plugin", "a door, inside a function"),
    ],
)
def test_a_forbidden_import_is_found(module, line, why):
    assert arrows_up(module, line), why


def test_no_module_imports_itself_through_others():
    graph = {module: set(imported(file.read_text(), module)) - {module} for module, file in modules()}
    state: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert state.get(module) != 1, " -> ".join((*path[path.index(module) :], module))
        if module in state:
            return
        state[module] = 1
        for target in graph.get(module, ()):
            # A package that re-exports its own modules is no circle: they do not import the package.
            visit(target, (*path, module))
        state[module] = 2

    for module in graph:
        visit(module, ())


def test_a_file_has_at_most_250_lines():
    sizes = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for _, file in modules()}
    assert {name: lines for name, lines in sizes.items() if lines > 250} == {}


def test_a_test_file_has_at_most_400_lines():
    sizes = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in (ROOT / "tests").rglob("*.py")}
    assert {name: lines for name, lines in sizes.items() if lines > 400} == {}
