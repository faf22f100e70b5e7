"""Every option of MRPO as a Markdown page, made from the one place where defaults and comments stand.

python -m recipe.mrpo.options.page docs/options.md     # write it; without a file: print it
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.options.tree import OPTIONS_FILE

_OPTION = re.compile(r"^(?P<indent> *)(?P<name>\w+):(?: +(?P<value>[^#]*?))?(?: *# *(?P<comment>.*))?$")
_COMMENT = re.compile(r"^ *# *(?P<comment>.*?)(?: *---)?$")
_HEAD = """# Options of MRPO

Made by `python -m recipe.mrpo.options.page docs/options.md` from
[options.yaml](../recipe/mrpo/config/options.yaml). In any verl run: `++mrpo.<option>=<value>`; with
`--config-name mrpo` and in the example scripts `mrpo.<option>=<value>` will do.
"""


@dataclass(frozen=True)
class Row:
    """One line of the page: an option, a group of options (no default), or a heading (no name)."""

    name: str
    default: str
    comment: str


def rows(text: str) -> Iterator[Row]:
    """The lines of options.yaml in order. Raises ValueError for a line of a form that it does not use."""
    path: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        comment = _COMMENT.match(line)
        if comment:
            if line.startswith("# ---"):
                yield Row("", "", comment["comment"].removeprefix("--- ").strip())
            continue  # what else stands on a line of its own is for readers of the file
        option = _OPTION.match(line)
        if option is None:
            raise ValueError(f"{OPTIONS_FILE.name}:{number} is neither an option nor a comment: {line!r}")
        indent = len(option["indent"])
        path = [(depth, name) for depth, name in path if depth < indent] + [(indent, option["name"])]
        yield Row(".".join(name for _, name in path), option["value"] or "", option["comment"] or "")


def _cell(text: str, *, code: bool = False) -> str:
    text = text.replace("|", "\\|")
    return f"`{text}`" if code and text else text


def page(text: str) -> str:
    """The whole page for the text of options.yaml."""
    lines = [_HEAD]
    for row in rows(text):
        if not row.name:
            lines += ["", f"## {row.comment}", "", "| option | default | meaning |", "| --- | --- | --- |"]
        elif row.default or row.comment:
            cells = (_cell(row.name, code=True), _cell(row.default, code=True), _cell(row.comment))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipe.mrpo.options.page", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="where to write it; without: printed")
    file = parser.parse_args(argv).file
    made = page(OPTIONS_FILE.read_text())
    if file is not None:
        file.write_text(made)
    else:
        print(made, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
