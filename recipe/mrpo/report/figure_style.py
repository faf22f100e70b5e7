"""Colours, shapes, intervals and legends that the figures for papers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLOURS = ("#1a5d8f", "#c2571a", "#2f7d5b", "#7d4f9e", "#8a6d00", "#b23a6b", "#3f7f93", "#5d5d5d")
MARKERS = "os^Dv*Px"
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "svg.fonttype": "none", "svg.hashsalt": "mrpo", "pdf.fonttype": 42, "savefig.bbox": "tight", "savefig.dpi": 200,
    "text.parse_math": False,
}  # fmt: skip


def around(figure: dict[str, Any]) -> list[list[float]] | None:
    """Distances in percent points from a share to the ends of its interval, as matplotlib wants them."""
    if figure["low"] is None:
        return None
    below, above = figure["value"] - figure["low"], figure["high"] - figure["value"]
    return [[100 * max(0.0, below)], [100 * max(0.0, above)]]


def legend(axes: Any, drawn: Sequence[Any]) -> None:
    """The names of what is drawn, where there is more than one."""
    if len(drawn) > 1 and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
