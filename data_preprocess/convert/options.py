"""Options of a conversion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_preprocess.convert.images import Limits
from data_preprocess.tools.shared_images import Avoid

REASONING = ("optional", "required")


@dataclass(frozen=True)
class ConvertOptions:
    """What a conversion may be asked; the defaults stand in command/arguments.py."""

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
    """Images of other sets, whose rows are left out."""
