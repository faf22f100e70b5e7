"""`mrpo evaluate --queue DIR`: the checkpoints that a training has noted, each evaluated in its own folder of DIR.

Each one runs in its own process, because an engine does not give all of its memory back. Several workers may share a
queue: a folder that another one works on is passed over.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mrpo.common.jsonl import checked_lines
from recipe.mrpo.common.printable import printable
from recipe.mrpo.common.signals import handlers, heeded
from recipe.mrpo.evaluate.checkpoints import QUEUE
from recipe.mrpo.evaluate.phases.settings import split_overrides

DONE, FAILED, GONE, BUSY, EARLY = 0, 1, 3, 4, 5
"""Exit statuses for one entry."""
WORDS = {
    DONE: "evaluated", FAILED: "not complete", GONE: "deleted before it was evaluated", BUSY: "in work elsewhere",
    EARLY: "not written to the end yet",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A noted checkpoint and the folder of its evaluation."""

    checkpoint: Path
    out: Path
    settings: dict[str, Any]
    arguments: list[str]
    step: int
    async_save: bool

    @property
    def written(self) -> bool:
        """Is the checkpoint whole? With asynchronous saving verl writes its number last."""
        if not self.async_save:
            return True
        try:
            return int((self.checkpoint.parent / "latest_checkpointed_iteration.txt").read_text()) >= self.step
        except (OSError, ValueError):
            return False


def entries(folder: Path) -> list[Entry]:
    """The checkpoints of a queue, each once (its newest line counts), in their order; other lines are told.

    Raises ValueError if there is no queue.
    """
    file = folder / QUEUE
    if not file.is_file():
        raise ValueError(
            f"{folder} has no {QUEUE}; a training writes it with mrpo.evaluate.queue={folder} at each saved checkpoint."
        )
    found: dict[str, Mapping[str, Any]] = {}
    for number, row in checked_lines(file):
        fault = row if isinstance(row, str) else _fault(row)
        if fault is not None:
            print(f"{file}:{number} {printable(fault, 200)}; the line is left out", file=sys.stderr)
        elif isinstance(row, dict):
            found.pop(row["checkpoint"], None)
            found[row["checkpoint"]] = row
    names = Counter(Path(checkpoint).name for checkpoint in found)
    return [_entry(folder, row, alone=names[Path(row["checkpoint"]).name] == 1) for row in found.values()]


def _fault(row: Mapping[str, Any]) -> str | None:
    kinds = {"checkpoint": str, "data": list, "arguments": list, "training": dict, "step": int}
    wrong = next((name for name, kind in kinds.items() if not isinstance(row.get(name), kind)), None)
    return None if wrong is None else f"does not note a checkpoint: {wrong} is {row.get(wrong)!r}"


def _entry(folder: Path, row: Mapping[str, Any], *, alone: bool) -> Entry:
    checkpoint = Path(row["checkpoint"])
    name = checkpoint.name if alone else f"{checkpoint.name}-{hashlib.sha256(str(checkpoint).encode()).hexdigest()[:8]}"
    overrides, words = split_overrides(row["arguments"])
    settings = {"data": row["data"], "model": str(checkpoint), "training": row["training"], "overrides": overrides}
    # Not the checkpoint's own name: the queue may lie in the folder of the checkpoints.
    return Entry(checkpoint, folder / f"eval_{name}", settings, words, row["step"], bool(row.get("async_save")))


def work_off(folder: Path, words: Sequence[str], stopping: list[int]) -> int:
    """Evaluate what the queue holds, with `words` typed for all; 0 if nothing is left but deleted checkpoints."""
    known = entries(folder)
    counts: Counter[int] = Counter()
    for number, entry in enumerate(known, start=1):
        if stopping:
            break
        print(f"[{number} of {len(known)}] {entry.checkpoint} -> {entry.out}", file=sys.stderr, flush=True)
        one = ["--queue", str(folder), "--entry", entry.out.name]
        command = [sys.executable, "-m", "recipe.mrpo.evaluate", *words, *one]
        # Ctrl-C reaches the child as well, which ends at a whole line; here it only keeps the next one from starting.
        with handlers(lambda signal_number, frame: stopping.append(signal_number), heeded()):
            status = subprocess.run(command, check=False).returncode
        counts[status if status in WORDS else FAILED] += 1
    told = ", ".join(f"{count} {WORDS[status]}" for status, count in sorted(counts.items()))
    left = len(known) - sum(counts.values())
    print(f"queue of {len(known)}: {told or 'nothing done'}{f', {left} left' if left else ''}", file=sys.stderr)
    return 128 + stopping[0] if stopping else int(bool(counts[FAILED] or counts[BUSY] or counts[EARLY] or left))


def named(folder: Path, name: str) -> Entry:
    """The entry with a folder of this name. Raises ValueError."""
    found = next((entry for entry in entries(folder) if entry.out.name == name), None)
    if found is None:
        raise ValueError(f"{folder / QUEUE} notes no checkpoint for {name}")
    return found


def with_arguments(entry: Entry, typed: argparse.Namespace, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was typed, over the words that the training has noted (mrpo.evaluate.arguments)."""
    noted = parser.parse_args(entry.arguments)
    for name, value in vars(noted).items():
        if getattr(typed, name, None) in (None, [], False) and value not in (None, [], False):
            setattr(typed, name, value)
    return typed
