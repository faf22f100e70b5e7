"""What a check is told: where it may write, on what it computes, how large it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Handed to the process of a check as a JSON file."""

    out: str
    """Folder of the whole report; each check writes below `folder(name)`."""
    device: str
    """`cuda` or `cpu`."""
    quick: bool
    """Small sizes."""
    machine: Mapping[str, Any]
    """What `machine.py` found; empty while it looks."""
    model: str | None = None
    """A real checkpoint, if one is given."""
    encoder: str | None = None
    """A real encoder, if one is given."""

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    def folder(self, name: str) -> Path:
        folder = Path(self.out) / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> Setting:
        return cls(**json.loads(file.read_text()))
