"""Figures of answers for a paper: accuracy, pass@k, looking or guessing, calibration.

Each function draws the sets of rollouts that have data and says whether there was any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

from recipe.mrpo.report.figure_style import COLOURS, MARKERS, around, legend

SHOWN_IMAGE = {"image": "own image", "no_image": "no image", "other_image": "another image"}


def accuracy(axes: Any, sets: Sequence[dict]) -> bool:
    found = [one["scores"]["answers"]["by"].get("data_source", {}) for one in sets]
    names = sorted({name for groups in found for name in groups})
    return _dots(axes, sets, found, dict(zip(names, names, strict=True)))


def looking(axes: Any, sets: Sequence[dict]) -> bool:
    shown = [one for one in sets if one["scores"]["looking"]]
    found = [one["scores"]["looking"]["conditions"] for one in shown]
    names = {name: text for name, text in SHOWN_IMAGE.items() if any(name in groups for groups in found)}
    return _dots(axes, shown, found, names)


def _dots(axes: Any, sets: Sequence[dict], found: Sequence[Mapping[str, dict]], names: Mapping[str, str]) -> bool:
    """Accuracies with intervals, a line for each of `names` and within it a place for each set."""
    for i, (one, groups) in enumerate(zip(sets, found, strict=True)):
        label = one["name"]
        for y, name in enumerate(names):
            figure = groups[name]["accuracy"] if name in groups else {"value": None}
            if figure["value"] is None:
                continue
            place = y + (i - (len(sets) - 1) / 2) * 0.8 / max(1, len(sets))
            axes.errorbar(100 * figure["value"], place, xerr=around(figure), fmt=MARKERS[i % 8], ms=5,
                          color=COLOURS[i % 8], label=label)  # fmt: skip
            label = None
    axes.set(xlim=(0, 100), xlabel="accuracy (%)", yticks=range(len(names)), yticklabels=names.values())
    axes.invert_yaxis()
    legend(axes, sets)
    return bool(names)


def pass_at_k(axes: Any, sets: Sequence[dict]) -> bool:
    """Accuracy, then pass@k by k; not for questions with two answers, whose pass@2 is a number."""
    shown = [one for one in sets if one["scores"]["answers"]["micro"].get("pass_at")]
    ks = sorted({k for one in shown for k, _ in _passes(one)})
    for i, one in enumerate(shown):
        first = one["scores"]["answers"]["micro"]["accuracy"]
        points = [(0, first), *((1 + ks.index(k), figure) for k, figure in _passes(one))]
        points = [(place, figure) for place, figure in points if figure["value"] is not None]
        for place, figure in points:
            axes.errorbar(place, 100 * figure["value"], yerr=around(figure), color=COLOURS[i % 8], alpha=0.5)
        axes.plot([place for place, _ in points], [100 * figure["value"] for _, figure in points],
                  marker=MARKERS[i % 8], color=COLOURS[i % 8], clip_on=False, label=one["name"])  # fmt: skip
    axes.set(ylim=(0, 100), xlabel="k", ylabel="pass@k (%)", xticks=range(len(ks) + 1), xticklabels=["accuracy", *ks])
    legend(axes, shown)
    return len(ks) > 1


def _passes(one: Mapping[str, Any]) -> Iterable[tuple[int, dict]]:
    found = one["scores"]["answers"]["micro"]["pass_at"]
    return [(int(name.removeprefix("pass@")), figure) for name, figure in found.items()]


def calibration(confidence: str, label: str) -> Callable[[Any, Sequence[dict]], bool]:
    """`confidence`: `joint` or `mean`. A dot is a bin of answers, its size the share of answers in it."""

    def draw(axes: Any, sets: Sequence[dict]) -> bool:
        shown = [one for one in sets if one["scores"]["calibration"] and one["scores"]["calibration"]["answers"]]
        axes.plot([0, 100], [0, 100], "--", color="#888888", lw=0.8)
        for i, one in enumerate(shown):
            found = one["scores"]["calibration"]
            bins = [row for row in found[confidence]["bins"] if row["answers"]]
            x, y = ([100 * row[name] for row in bins] for name in ("confidence", "accuracy"))
            sizes = [(4 + 12 * sqrt(row["answers"] / found["answers"])) ** 2 for row in bins]
            axes.plot(x, y, color=COLOURS[i % 8], lw=1)
            axes.scatter(x, y, s=sizes, marker=MARKERS[i % 8], color=COLOURS[i % 8], alpha=0.85, clip_on=False,
                         label=f"{one['name']}: ECE {100 * found[confidence]['ece']:.1f} %")  # fmt: skip
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=label, ylabel="accuracy (%)")
        if shown:
            axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), markerscale=0.5)
        return bool(shown)

    return draw
