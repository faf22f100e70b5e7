"""The page of `make evidence`: each comparison with its table, its paired seeds and its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recipe.mrpo import __version__
from recipe.mrpo.common.whole_file import write_text
from recipe.mrpo.report.page.document import document

TITLE = "Evidence on step credit"


def write_evidence_page(comparisons: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write the page to `file`, whole or not at all; `comparisons` as in `recipe.mrpo.worlds.evidence.figures`."""
    overview = {
        "title": TITLE,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "comparisons": list(comparisons),
    }
    write_text(file, "".join(document(TITLE, iter([("overview", overview)]), kind="evidence")))
