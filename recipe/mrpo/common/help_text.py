"""How `--help` of every command of this package looks."""

from __future__ import annotations

import argparse


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults where there is one to tell: not at flags, nor at options that stand for nothing unless they are given.

    A text with indented lines (an example, a list) keeps its lines.
    """

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is False or (not action.default and action.default != 0):  # 0 is one to tell
            return action.help
        if isinstance(action.default, (list, tuple)):  # as it would be typed
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n " in text:
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)
