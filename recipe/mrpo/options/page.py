"""Every option of MRPO as a Markdown page, made from the one place where defaults and comments stand.

python -m recipe.mrpo.options.page docs/options.md     # write it; without a file: print it
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from recipe.mrpo.options.tree import OPTIONS_FILE

_HEAD = """# Options of MRPO

Made by `python -m recipe.mrpo.options.page docs/options.md` from
[options.yaml](../recipe/mrpo/config/options.yaml). In any verl run: `++mrpo.<option>=<value>`; with
`--config-name mrpo` and in the example scripts `mrpo.<option>=<value>` will do.
"""


@dataclass(frozen=True)
class Row:
    """One line of the page: an option, a group of options (no default), or a heading (no name)."""

    line: int
    name: str
    default: str
    comment: str


def rows(text: str) -> list[Row]:
    """The lines of the page in the order of options.yaml.

    An option's meaning is the comment right above it and behind it; a comment before a blank line is for readers of
    the file. Raises ValueError for text that is not a YAML mapping.
    """
    root = yaml.compose(text)
    lines = text.splitlines()
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{OPTIONS_FILE.name}:{root.start_mark.line + 1 if root else 1} is not a group of options")
    headings = [Row(number, "", "", line.strip("# -")) for number, line in enumerate(lines) if line.startswith("# ---")]
    return sorted([*headings, *_options(root, lines, "")], key=lambda row: row.line)


def _options(group: yaml.MappingNode, lines: list[str], path: str) -> Iterator[Row]:
    for key, value in group.value:
        number, name = key.start_mark.line, f"{path}{key.value}"
        is_group = isinstance(value, yaml.MappingNode) and not value.flow_style
        is_list = isinstance(value, yaml.SequenceNode) and not value.flow_style
        start, end = value.start_mark, value.end_mark
        default = "" if is_group else start.buffer[start.pointer : end.pointer].strip()
        if is_list:
            default = f"[{', '.join(item.value for item in value.value)}]"
        last = key.end_mark if is_group or is_list else end
        behind = lines[last.line][last.column :].partition("#")[2].strip()
        yield Row(number, name, default, " ".join([*_comment_above(lines, number), *filter(None, [behind])]))
        if is_group:
            yield from _options(value, lines, f"{name}.")


def _comment_above(lines: list[str], number: int) -> list[str]:
    first = number
    while first and lines[first - 1].lstrip().startswith("#") and not lines[first - 1].startswith("# ---"):
        first -= 1
    return [line.strip().lstrip("# ") for line in lines[first:number]]


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
