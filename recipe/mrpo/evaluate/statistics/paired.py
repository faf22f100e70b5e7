"""Two runs on the same questions: what differs, and could it be chance?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

import numpy as np

from recipe.mrpo.evaluate.statistics.cluster import DRAWS, Interval, percentile_interval, ratio_draws


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test: the discordant questions as throws of a fair coin.

        p = min(1, 2 sum_{i<=min(b,c)} C(b+c, i) / 2^(b+c))

    `only_first` (b): right in the first run alone. `only_second` (c): right in the second alone. It takes questions for
    independent; the interval of `paired_difference` does not. Source: McNemar 1947.

    >>> mcnemar_exact(1, 9)
    0.021484375
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts of questions are not negative: {only_first}, {only_second}")
    n, k = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)


def paired_difference(
    first: Mapping[Hashable, float],
    second: Mapping[Hashable, float],
    clusters: Mapping[Hashable, Hashable],
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """second - first over the questions that both have, clusters drawn anew together for both.

    `first`, `second`: value of each question (1 right, 0 wrong, a share with several samples). `clusters`: the image of
    each question. Raises ValueError if the two have no question in common.
    """
    common = [question for question in first if question in second]
    if not common:
        raise ValueError("the two runs have no question in common")
    sums: dict[Hashable, list[float]] = {}
    for question in common:
        pair = sums.setdefault(clusters[question], [0.0, 0.0])
        pair[0] += second[question] - first[question]
        pair[1] += 1
    table = np.array(list(sums.values()))
    value = float(table[:, 0].sum() / table[:, 1].sum())
    size = len(table)
    if size < 2:
        return Interval(value, None, None, level, size, float(len(common)), "none")
    found = ratio_draws(table[:, 0], table[:, 1], draws=draws, seed=seed)[:, 0]
    low, high = percentile_interval(found, level=level, clusters=size)
    return Interval(value, low, high, level, size, float(len(common)), "cluster bootstrap")


def sign_flip_test(differences: np.ndarray, *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of "neither run is better", for questions that hang together in clusters.

        p = (1 + #{|sum_c s_c d_c| >= |sum_c d_c|}) / (1 + draws)        s_c = -1 or +1, a fair coin a cluster

    `differences` d_c: second minus first, summed in each cluster (C,). Under the null hypothesis the two runs could be
    exchanged, image by image. With fewer than 14 clusters all 2^C signs are tried: p = their share. Source: Fisher
    1935, Pitman 1937.

    >>> sign_flip_test(np.array([1.0, 1.0, 1.0, 1.0, 1.0]))
    0.0625
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    seen = abs(moved.sum()) - 1e-9  # sums of the same numbers in another order differ in their last bits
    if len(moved) < 14:
        signs = 1 - 2 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float(np.mean(np.abs(signs @ moved) >= seen))
    random, hits, size = np.random.default_rng(seed), 0, max(1, 4_000_000 // len(moved))
    for start in range(0, draws, size):
        signs = random.integers(0, 2, size=(min(size, draws - start), len(moved)), dtype=np.int8) * 2 - 1
        hits += int(np.sum(np.abs(signs @ moved) >= seen))
    return (1 + hits) / (1 + draws)
