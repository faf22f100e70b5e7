"""The figures of a report as files for a paper: PNG, SVG and PDF, drawn by matplotlib from the same scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.report.figure_answers import accuracy, calibration, looking, pass_at_k
from recipe.mrpo.report.figure_style import COLOURS, MARKERS, STYLE, around, legend
from recipe.mrpo.report.page.beside import beside
from recipe.mrpo.report.page.gather import gather
from recipe.mrpo.report.page.make import run_names
from recipe.mrpo.rollout.first_failure import STAGES

STAGE_COLOURS = {"early": "#b1361e", "mid": "#d98a3d", "late": "#4d7fa6"}
DATELESS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def write_figures(
    paths: Sequence[Path], folder: Path, *, formats: Sequence[str], scores: ScoreOptions, also: Sequence[Path] = ()
) -> Iterator[Path]:
    """Write every figure that the runs have data for; yields the files.

    `also`: evaluations of the same models without the image, or with another one's.

    Raises ValueError with a sentence if matplotlib is missing or a path holds no rollouts.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError("figures need matplotlib; install it with pip install 'verl-mrpo[plots]'") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    runs = [
        gather(path, name=name, limit=0, options=scores, also=others)
        for path, name, others in zip(paths, run_names(paths), beside(paths, also), strict=True)
    ]
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


def _bins(of: str, label: str) -> Callable[[Any, Sequence[dict]], bool]:
    def draw(axes: Any, sets: Sequence[dict]) -> bool:
        drawn = False
        for i, one in enumerate(sets):
            bins = [b for b in one["scores"]["reasoning"]["overall"]["ffp_bins"] if b[of]["value"] is not None]
            for bar in bins:
                axes.errorbar((bar["from"] + bar["to"]) / 2, 100 * bar[of]["value"], yerr=around(bar[of]),
                              color=COLOURS[i % 8], alpha=0.5)  # fmt: skip
            places = [(b["from"] + b["to"]) / 2 for b in bins]
            axes.plot(places, [100 * b[of]["value"] for b in bins], marker=MARKERS[i % 8], color=COLOURS[i % 8],
                      label=one["name"])  # fmt: skip
            drawn = drawn or bool(bins)
        axes.set(xlim=(0, 1), xlabel="first failure position (FFP)", ylabel=label)
        axes.set_ylim(bottom=0)
        legend(axes, sets)
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
    legend(axes, sets)
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
    legend(axes, sets)
    return drawn


def _curve(axes: Any, runs: Sequence[Any], key: str) -> None:
    for i, run in enumerate(runs):
        for curve in run.curves:
            if curve["key"] == key:
                axes.plot(*zip(*curve["points"], strict=True), color=COLOURS[i % 8], label=run.name)
                axes.set(xlabel="step", ylabel=curve["name"])
    legend(axes, runs)


FIGURES = {
    "accuracy": accuracy,
    "pass_at_k": pass_at_k,
    "first_failure_position": _bins("share", "share of first failures (%)"),
    "failure_after_rate": _bins("far", "failure-after rate (%)"),
    "stages": _stages,
    "valid_by_step": _valid_by_place,
    "advantage_by_step": _advantage_by_place,
    "looking": looking,
    "calibration_joint": calibration("joint", "probability of the answer: product over its tokens (%)"),
    "calibration_mean": calibration("mean", "probability of the answer: geometric mean over its tokens (%)"),
}
"""Name of the file and what draws it; a figure without data is not written."""
