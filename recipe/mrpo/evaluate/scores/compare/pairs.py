"""The paired figures of two runs: over all questions that both have, and for each set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.scores.compare.run import Run
from recipe.mrpo.evaluate.scores.intervals import plain
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.statistics import (
    Interval,
    detectable_difference,
    holm,
    mcnemar_exact,
    ratio_intervals,
    sign_flip_test,
)
from recipe.mrpo.evaluate.statistics.cluster import percentile_interval, ratio_draws


def compare(first: Run, second: Run, options: ScoreOptions) -> dict[str, Any]:
    """second - first over the common questions; clusters are those of the first run.

    Sets are tested each, with Holm's correction over them; the row over all is one test more and not corrected.
    """
    places = {name: i for i, name in enumerate(second.questions)}
    pairs = [(i, places[name]) for i, name in enumerate(first.questions) if name in places]
    a, b = (np.array(side, dtype=int) for side in zip(*pairs, strict=True))
    sets = np.array([first.sets[i] for i in a])
    made: dict[str, Any] = {
        "first": first.name,
        "second": second.name,
        "only_in_first": len(first.questions) - len(pairs),
        "only_in_second": len(second.questions) - len(pairs),
        "all": _paired(first, second, a, b, options),
        "sets": {name: _paired(first, second, a[sets == name], b[sets == name], options) for name in sorted(set(sets))},
    }
    correct(list(made["sets"].values()))
    return made


def correct(rows: Sequence[dict[str, Any]]) -> None:
    """Holm's correction of each kind of p over these rows, written into them; a p that is not known stays so."""
    for name in ("p_clustered", "p_mcnemar"):
        known = [row for row in rows if row[name] is not None]
        for row, adjusted in zip(known, holm([row[name] for row in known]), strict=True):
            row[f"{name}_holm"] = adjusted
        for row in rows:
            row.setdefault(f"{name}_holm", None)


def _paired(first: Run, second: Run, a: np.ndarray, b: np.ndarray, options: ScoreOptions) -> dict[str, Any]:
    clusters = first.clusters[a]
    one, two = first.right[a], second.right[b]
    known = (first.unknown[a] == 0) & (second.unknown[b] == 0)
    gained, lost = int((two > one).sum()), int((two < one).sum())
    binary = bool(np.all(np.isin(one, (0, 1)) & np.isin(two, (0, 1))))
    sums = _summed(clusters, two - one)
    return {
        "questions": len(a),
        "images": len({first.images[i] for i in a}),
        "clusters": len(sums),
        "accuracy": [float(one.mean()), float(two.mean())],
        "not_known": [int(first.unknown[a].sum()), int(second.unknown[b].sum())],
        "difference": plain(difference(clusters, two - one, np.ones(len(a)), options)),
        "known_in_both": plain(difference(clusters[known], (two - one)[known], np.ones(int(known.sum())), options)),
        "gained": gained,
        "lost": lost,
        "p_clustered": sign_flip_test(sums, seed=options.seed),
        # With several samples a question is right in parts, and there is no table of right and wrong.
        "p_mcnemar": mcnemar_exact(lost, gained) if binary else None,
        "discordant": (gained + lost) / len(a),
        "detectable": detectable_difference(
            len(a), discordant=max((gained + lost) / len(a), 1 / len(a)), power=options.power, level=options.level,
            design_effect=_design_effect(sums, two - one),
        ),
        "early": _early(first.early[a], second.early[b], clusters, options),
        "valid_steps": _valid_steps(first, second, a, b, clusters, options),
    }  # fmt: skip


def _early(one: np.ndarray, two: np.ndarray, clusters: np.ndarray, options: ScoreOptions) -> dict[str, Any]:
    """Early failures over all rollouts of each run, and the difference."""
    return {
        "rate": [float(one.mean()), float(two.mean())],
        "difference": plain(difference(clusters, two - one, np.ones(len(one)), options)),
        "p_clustered": sign_flip_test(_summed(clusters, two - one), seed=options.seed),
    }


def difference(clusters: np.ndarray, top: np.ndarray, bottom: np.ndarray, options: ScoreOptions) -> Interval:
    """A mean difference with its interval, clusters drawn anew for both runs together."""
    if not len(top):
        return Interval(None, None, None, options.level, 0, 0.0, "none")
    return ratio_intervals(_summed(clusters, top), _summed(clusters, bottom), shares=[False], level=options.level,
                           draws=options.draws, seed=options.seed)[0]  # fmt: skip


def _valid_steps(
    first: Run, second: Run, a: np.ndarray, b: np.ndarray, clusters: np.ndarray, options: ScoreOptions
) -> dict[str, Any]:
    """Valid steps over labelled steps of each run, and the difference of the two shares."""
    top = np.stack([_summed(clusters, first.valid[a]), _summed(clusters, second.valid[b])], axis=1)
    bottom = np.stack([_summed(clusters, first.steps[a]), _summed(clusters, second.steps[b])], axis=1)
    totals = bottom.sum(axis=0)
    shares = [float(t / n) if n else None for t, n in zip(top.sum(axis=0), totals, strict=True)]
    made: dict[str, Any] = {"share": shares, "steps": [int(n) for n in totals]}
    if None in shares:
        return made | {"difference": plain(Interval(None, None, None, options.level, 0, 0.0, "none"))}
    value, count = shares[1] - shares[0], len(top)
    if count < 2:
        return made | {"difference": plain(Interval(value, None, None, options.level, count, float(len(a)), "none"))}
    drawn = ratio_draws(top, bottom, draws=options.draws, seed=options.seed)
    ends = percentile_interval(drawn[:, 1] - drawn[:, 0], level=options.level, clusters=count)
    return made | {"difference": plain(
        Interval(value, *ends, options.level, count, float(len(a)), "cluster bootstrap"))}  # fmt: skip


def _summed(clusters: np.ndarray, values: np.ndarray) -> np.ndarray:
    _, place = np.unique(clusters, return_inverse=True)
    return np.bincount(place, weights=values) if len(values) else np.empty(0)


def _design_effect(sums: np.ndarray, values: np.ndarray) -> float:
    """Variance of the summed differences with clusters, over that of independent questions; at least 1."""
    off, size = values - values.mean(), len(sums)
    if size < 2 or not (off**2).sum() > 0:
        return 1.0
    return max(1.0, size / (size - 1) * float(((sums - sums.mean()) ** 2).sum() / (off**2).sum()))
