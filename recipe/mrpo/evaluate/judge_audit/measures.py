"""The first labels as the truth, the second judge against them: the measures of the public benchmarks of step judges.

    balanced accuracy   mean of the shares of valid and of invalid steps that the judge finds
    macro F1            mean of the F1 of "valid" and of "invalid"          (VisualProcessBench, arXiv 2503.10291)
    first-error F1      harmonic mean of two shares of rollouts: with an error, those whose first error the judge names;
                        without one, those that it calls free of errors     (ProcessBench, arXiv 2412.06559)

Intervals: 95 % percentile bootstrap; whole rollouts are drawn, because the steps of one hang together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

NAMES = ("kappa", "agreement", "balanced_accuracy", "macro_f1", "first_error_f1", "first_error_f1_within_1")

Labels = Sequence[int]


def first_error(labels: Labels) -> int | None:
    """Number of the first invalid step from 0; None: there is none."""
    return next((k for k, label in enumerate(labels) if label == 0), None)


def counts(first: Labels, second: Labels) -> list[int]:
    """What the measures are made of, for one rollout; the sum over rollouts gives those of all.

    [both valid, only first, only second, both invalid, with error, named exactly, named within 1, without, found free]
    """
    pairs = list(zip(first, second, strict=True))
    cells = [pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0))]
    true, said = first_error(first), first_error(second)
    if true is None:
        return [*cells, 0, 0, 0, 1, int(said is None)]
    return [*cells, 1, int(said == true), int(said is not None and abs(said - true) <= 1), 0, 0]


def measured(sums: np.ndarray) -> np.ndarray:
    """(..., 6) the measures NAMES from (..., 9) summed counts; nan where one is not defined."""
    both, only_first, only_second, neither, errors, exact, near, free, found = np.moveaxis(sums.astype(float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement = (both + neither) / (both + only_first + only_second + neither)
        share = (both + only_first) / (both + only_first + only_second + neither)
        said = (both + only_second) / (both + only_first + only_second + neither)
        chance = share * said + (1 - share) * (1 - said)
        kappa = np.where(chance == 1, np.nan, (agreement - chance) / (1 - chance))
        balanced = (both / (both + only_first) + neither / (neither + only_second)) / 2
        f1_valid = 2 * both / (2 * both + only_first + only_second)
        f1_invalid = 2 * neither / (2 * neither + only_first + only_second)
        right = found / free
        first = [_harmonic(hit / errors, right) for hit in (exact, near)]
    return np.stack([kappa, agreement, balanced, (f1_valid + f1_invalid) / 2, *first], axis=-1)


def _harmonic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    both = a + b
    return np.where(both == 0, 0.0, 2 * a * b / np.where(both == 0, 1.0, both))


def measures(
    first: Sequence[Labels | None], second: Sequence[Labels | None], *, resamples: int, seed: int
) -> dict[str, dict[str, float | None]]:
    """Each measure with its interval: {"value", "low", "high"}; None where it is not defined.

    None in place of labels stands for a failed judgement: such rollouts are left out here and counted elsewhere.
    """
    rows = [counts(a, b) for a, b in zip(first, second, strict=True) if a and b]
    if not rows:
        return {name: {"value": None, "low": None, "high": None} for name in NAMES}
    table = np.array(rows)
    values = measured(table.sum(axis=0))
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(len(table), np.full(len(table), 1 / len(table)), size=resamples)
    drawn = measured(weights @ table)
    out = {}
    for column, name in enumerate(NAMES):
        known = drawn[:, column][np.isfinite(drawn[:, column])] if resamples else np.empty(0)
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (None, None)
        value = values[column]
        out[name] = {
            "value": float(value) if np.isfinite(value) else None,
            "low": None if low is None else float(low),
            "high": None if high is None else float(high),
        }
    return out


def flip_rate(judgements: Sequence[Sequence[Labels | None]]) -> tuple[float | None, int]:
    """Share of steps whose label differs between two judgements of the same judge, over all pairs; and the pairs.

    `judgements`: for each rollout its labels in each repeat. A failed one makes no pair.
    """
    flips = steps = pairs = 0
    for repeats in judgements:
        known = [labels for labels in repeats if labels]
        for i, one in enumerate(known):
            for other in known[i + 1 :]:
                pairs += 1
                steps += len(one)
                flips += sum(a != b for a, b in zip(one, other, strict=True))
    return (flips / steps if steps else None), pairs


def by_grade(
    first: Sequence[Sequence[dict[str, int | None]] | None], second: Sequence[Sequence[dict[str, int | None]] | None]
) -> dict[str, list[tuple[int | None, int | None]]]:
    """(first's, second's) grades of each dimension that both judges gave, step by step."""
    out: dict[str, list[tuple[int | None, int | None]]] = {}
    for a, b in zip(first, second, strict=True):
        for one, other in zip(a or (), b or (), strict=False):
            for name in one.keys() & other.keys():
                out.setdefault(name, []).append((one[name], other[name]))
    return dict(sorted(out.items()))


def kappa_of(pairs: Iterable[tuple[int | None, int | None]]) -> float | None:
    """Cohen's kappa (1960, doi:10.1177/001316446002000104) over whatever grades there are: agreement beyond chance.

        kappa = (p_o - p_e) / (1 - p_e),   p_e = sum over the grades of the product of the judges' shares of it

    None where it is not defined: no pairs, or both judges gave one and the same grade to all (p_e = 1).
    """
    counts = Counter(pairs)
    total = counts.total()
    if not total:
        return None
    first, second = Counter[int | None](), Counter[int | None]()
    for (a, b), n in counts.items():
        first[a] += n
        second[b] += n
    observed = sum(n for (a, b), n in counts.items() if a == b) / total
    chance = sum(first[grade] * second[grade] for grade in first) / total**2
    return None if chance == 1 else (observed - chance) / (1 - chance)
