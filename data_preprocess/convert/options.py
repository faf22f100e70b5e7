"""Options of a conversion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_preprocess.convert.images import Limits
from data_preprocess.source.records import LONG, Record
from data_preprocess.tools.shared_images import Avoid

REASONING = ("optional", "required")


@dataclass(frozen=True)
class TextLimits:
    """Most characters of a text; a longer one is a bad row."""

    question: int = 4000
    answer: int = 1000
    reasoning: int = 20000

    def problem(self, record: Record) -> str | None:
        """A sentence on the first text that is too long, with the option to change; None: all are short enough."""
        # A long answer is as long as a reasoning may be.
        kind = "reasoning" if record.task == LONG else "answer"
        texts = [("question", record.question), *((kind, answer) for answer in record.answers)]
        texts.append(("reasoning", record.gold_reasoning or ""))
        for name, text in texts:
            longest = getattr(self, name)
            if len(text) > longest:
                return f"the {name} has {len(text):,} characters, more than the {longest:,} of --max-{name}-chars"
        return None


@dataclass(frozen=True)
class ConvertOptions:
    """Options of a conversion; the defaults stand in command/arguments.py."""

    out: Path
    splits: tuple[str, ...]
    """Empty: all that the source has."""
    open_only: bool
    limit: int | None
    backbone: str
    reasoning: str
    sft: bool
    drop_duplicates: bool
    skip_bad: bool
    image_policy: str
    limits: Limits
    avoid: Avoid
    """Images of other sets; rows that show them are left out."""
    texts: TextLimits = TextLimits()
