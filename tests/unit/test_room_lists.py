"""The `__init__.py` of a room lists its files: all of them, and no other (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from data_preprocess.datasets import NAMES

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "recipe" / "mrpo"  # its list is docs/architecture.md
ROOMS = sorted(
    file.parent
    for package in (HOUSE, ROOT / "reward_fns", ROOT / "data_preprocess")
    for file in package.rglob("__init__.py")
    if file.parent != HOUSE
)


def text_of(room: Path) -> str:
    return ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""


def missing(room: Path, text: str) -> list[str]:
    """Modules, and folders with modules, that a list does not name."""
    files = {file.name for file in room.glob("*.py")} - {"__init__.py", "__main__.py"}
    if room.name == "data_preprocess":
        files -= {f"{name}.py" for name in NAMES}  # the list has one line for all
    folders = {f"{file.parent.name}/" for file in room.glob("*/__init__.py")}
    return sorted(name for name in files | folders if name not in text)


def gone(room: Path, text: str) -> list[str]:
    """Files and folders at the beginning of a line of the list that are not there."""
    listed = re.findall(r"^([\w.]+\.\w+|\w+/)(?= {1,})", text, re.MULTILINE)
    return [name for name in listed if not (room / name).exists()]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_lists_its_files(room):
    assert missing(room, text_of(room)) == [] == gone(room, text_of(room))


def test_a_file_that_is_not_listed_and_one_that_is_gone_are_found(tmp_path):
    (tmp_path / "new.py").touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").touch()
    assert missing(tmp_path, "old.py  what was") == ["inner/", "new.py"]
    assert gone(tmp_path, "A room.\n\nold.py  what was\nnew.py  what is\nbefore/   a folder") == ["old.py", "before/"]
