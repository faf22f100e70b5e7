"""The figures of a report as files for a paper: PNG, SVG and PDF, drawn by matplotlib from the same scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.report.page.gather import gather
from recipe.mrpo.report.page.make import run_names
from recipe.mrpo.rollout.first_failure import STAGES

COLOURS = ("#1a5d8f", "#c2571a", "#2f7d5b", "#7d4f9e", "#8a6d00", "#b23a6b", "#3f7f93", "#5d5d5d")
STAGE_COLOURS = {"early": "#b1361e", "mid": "#d98a3d", "late": "#4d7fa6"}
MARKERS = "os^Dv*Px"
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "svg.fonttype": "none", "svg.hashsalt": "mrpo", "pdf.fonttype": 42, "savefig.bbox": "tight", "savefig.dpi": 200,
    "text.parse_math": False,
}  # fmt: skip
DATELESS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def write_figures(
    paths: Sequence[Path], folder: Path, *, formats: Sequence[str], scores: ScoreOptions
) -> Iterator[Path]:
    """Write every figure that the runs have data for; yields the files.

    Raises ValueError with a sentence if matplotlib is missing or a path holds no rollouts.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError("figures need matplotlib; install it with pip install 'verl-mrpo[plots]'") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    runs = [gather(p, name=n, limit=0, options=scores) for p, n in zip(paths, run_names(paths), strict=True)]
    sets = [
        one | {"name": f"{run.name}, {one['title']}" if one["title"] else run.name} for run in runs for one in run.sets
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, draw in FIGURES.items():
            figure = plt.figure(figsize=(5.2, 3.2))
            if draw(figure.add_subplot(), sets):
                yield from _save(figure, folder / name, formats)
            plt.close(figure)
        for curve in dict.fromkeys(curve["key"] for run in runs for curve in run.curves):
            figure = plt.figure(figsize=(5.2, 3.2))
            _curve(figure.add_subplot(), runs, curve)
            yield from _save(figure, folder / f"curve_{curve.replace('/', '_')}", formats)
            plt.close(figure)


def _save(figure: Any, stem: Path, formats: Sequence[str]) -> Iterator[Path]:
    for kind in formats:
        file = stem.with_name(f"{stem.name}.{kind}")
        figure.savefig(file, metadata=DATELESS[kind])
        yield file


def _around(figure: dict[str, Any]) -> list[list[float]] | None:
    """Distances from a value to the ends of its interval, as matplotlib wants them."""
    if figure["low"] is None:
        return None
    return [[max(0.0, figure["value"] - figure["low"])], [max(0.0, figure["high"] - figure["value"])]]


def _accuracy(axes: Any, sets: Sequence[dict]) -> bool:
    names = sorted({name for one in sets for name in one["scores"]["answers"]["by"].get("data_source", {})})
    for i, one in enumerate(sets):
        label = one["name"]
        for y, name in enumerate(names):
            answers = one["scores"]["answers"]["by"]["data_source"].get(name)
            if answers is None or answers["accuracy"]["value"] is None:
                continue
            place = y + (i - (len(sets) - 1) / 2) * 0.8 / max(1, len(sets))
            accuracy = answers["accuracy"]
            axes.errorbar(100 * accuracy["value"], place, xerr=_scaled(accuracy), fmt=MARKERS[i % 8], ms=5,
                          color=COLOURS[i % 8], label=label)  # fmt: skip
            label = None
    axes.set(xlim=(0, 100), xlabel="accuracy (%)", yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    _legend(axes, sets)
    return bool(names)


def _scaled(figure: dict[str, Any]) -> list[list[float]] | None:
    around = _around(figure)
    return around and [[100 * value for value in side] for side in around]


def _bins(of: str, label: str) -> Callable[[Any, Sequence[dict]], bool]:
    def draw(axes: Any, sets: Sequence[dict]) -> bool:
        drawn = False
        for i, one in enumerate(sets):
            bins = [b for b in one["scores"]["reasoning"]["overall"]["ffp_bins"] if b[of]["value"] is not None]
            for bar in bins:
                axes.errorbar((bar["from"] + bar["to"]) / 2, 100 * bar[of]["value"], yerr=_scaled(bar[of]),
                              color=COLOURS[i % 8], alpha=0.5)  # fmt: skip
            places = [(b["from"] + b["to"]) / 2 for b in bins]
            axes.plot(places, [100 * b[of]["value"] for b in bins], marker=MARKERS[i % 8], color=COLOURS[i % 8],
                      label=one["name"])  # fmt: skip
            drawn = drawn or bool(bins)
        axes.set(xlim=(0, 1), xlabel="first failure position (FFP)", ylabel=label)
        axes.set_ylim(bottom=0)
        _legend(axes, sets)
        return drawn

    return draw


def _stages(axes: Any, sets: Sequence[dict]) -> bool:
    failing = [one for one in sets if one["scores"]["reasoning"]["overall"]["failed_first"]]
    for y, one in enumerate(failing):
        shares, left = one["scores"]["reasoning"]["overall"]["stages"][0]["share"], 0.0
        for name in STAGES:
            width = 100 * shares[name]["value"]
            axes.barh(y, width, left=left, color=STAGE_COLOURS[name], label=name if y == 0 else None)
            if width > 6:
                axes.text(left + width / 2, y, f"{width:.0f}", ha="center", va="center", color="white")
            left += width
    axes.set(xlim=(0, 100), xlabel="share of first failures (%)", yticks=range(len(failing)))
    axes.set_yticklabels([one["name"] for one in failing])
    axes.invert_yaxis()
    if failing:
        axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return bool(failing)


def _valid_by_place(axes: Any, sets: Sequence[dict]) -> bool:
    for i, one in enumerate(sets):
        rows = one["positions"]
        axes.plot([r["place"] for r in rows], [100 * r["valid"] / r["labelled"] for r in rows], marker=MARKERS[i % 8],
                  color=COLOURS[i % 8], label=one["name"])  # fmt: skip
    axes.set(ylim=(0, 100), xlabel="step", ylabel="valid (%)")
    _legend(axes, sets)
    return any(one["positions"] for one in sets)


def _advantage_by_place(axes: Any, sets: Sequence[dict]) -> bool:
    drawn = False
    for i, one in enumerate(sets):
        for label, line in (("valid", "-"), ("invalid", "--")):
            rows = [row for row in one["positions"] if row[f"advantage_{label}"] is not None]
            drawn = drawn or bool(rows)
            if rows:
                values = [row[f"advantage_{label}"] for row in rows]
                axes.plot([row["place"] for row in rows], values, line, color=COLOURS[i % 8], marker=MARKERS[i % 8],
                          label=f"{one['name']}: {label} steps")  # fmt: skip
    axes.axhline(0, color="#888888", lw=0.8)
    axes.set(xlabel="step", ylabel="mean advantage, wrong rollouts")
    _legend(axes, sets)
    return drawn


def _curve(axes: Any, runs: Sequence[Any], key: str) -> None:
    for i, run in enumerate(runs):
        for curve in run.curves:
            if curve["key"] == key:
                axes.plot(*zip(*curve["points"], strict=True), color=COLOURS[i % 8], label=run.name)
                axes.set(xlabel="step", ylabel=curve["name"])
    _legend(axes, runs)


def _legend(axes: Any, drawn: Sequence[Any]) -> None:
    if len(drawn) > 1 and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


FIGURES = {
    "accuracy": _accuracy,
    "first_failure_position": _bins("share", "share of first failures (%)"),
    "failure_after_rate": _bins("far", "failure-after rate (%)"),
    "stages": _stages,
    "valid_by_step": _valid_by_place,
    "advantage_by_step": _advantage_by_place,
}
"""Name of the file and what draws it; a figure without data is not written."""
