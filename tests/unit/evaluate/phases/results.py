"""What the folder of an evaluation says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lines(file: Path) -> list[dict[str, Any]]:
    """All lines, superseded ones too."""
    return [json.loads(text) for text in file.read_text().splitlines()]


def newest(file: Path) -> dict[str, dict[str, Any]]:
    """The newest line of each id."""
    return {line["id"]: line for line in lines(file)}


def figures(out: Path) -> dict[str, Any]:
    """What an evaluation says, without how long it took."""
    answers = newest(out / "generations.jsonl")
    judged = newest(out / "judgements.jsonl")
    return {
        name: (
            answer["output"], judged[name]["mrpo"]["labels"], judged[name]["mrpo"]["rewards"],
            (judged[name]["answer_verdict"] or {}).get("label"), judged[name]["repeats"],
        )
        for name, answer in answers.items()
    }  # fmt: skip
