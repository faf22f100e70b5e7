"""What a run folder remembers from one start to the next: what its stages were made from, how long they took."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from recipe.mrpo.common.whole_file import write_json

RESULT = "result.json"


@dataclass
class State:
    """`result.json` of a run folder."""

    exit_code: int | None = None
    """Result of the last start; None while it runs."""
    peak_memory_bytes: int = 0
    """Largest memory of all processes of a stage together (sum of proportional set sizes, sampled every 2 s)."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage when it last ran."""
    made_from: dict[str, str] = field(default_factory=dict)
    """Digest of what each stage depended on when it last ended well."""

    @classmethod
    def read(cls, out: Path) -> State:
        file = out / RESULT
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    def write(self, out: Path) -> None:
        write_json(out / RESULT, asdict(self))  # whole or not at all, whenever this process is killed
