"""The command of a table: `python -m MODULE` prints it, `python -m MODULE ROW [VIEW]` one view of a row."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from recipe.mrpo.common.help_text import Help

Row = TypeVar("Row")


def run_table_command(
    prog: str,
    description: str,
    *,
    noun: str,
    names: Iterable[str],
    table: Callable[[], str],
    get: Callable[[str], Row],
    views: Mapping[str, Callable[[Row], str]],
) -> None:
    """Print the table, or a view of the row that the command line names; the first of `views` is the default.

    Ends with exit status 2 and one sentence for what `get` or a view refuses with a ValueError.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description, formatter_class=Help)
    parser.add_argument(noun, nargs="?", help=f"a row of the table: {', '.join(names)} (default: print the table)")
    parser.add_argument(
        "what", nargs="?", choices=list(views), default=next(iter(views)), help="what of the row to print"
    )
    args = parser.parse_args()
    name = getattr(args, noun)
    try:
        print(table() if name is None else views[args.what](get(name)))
    except ValueError as error:
        parser.exit(2, f"error: {error}\n")
