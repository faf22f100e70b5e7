"""Intervals and tests against scipy and statsmodels, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from recipe.mrpo.evaluate.statistics import (
    Clustered,
    detectable_difference,
    holm,
    mcnemar_exact,
    paired_difference,
    share_interval,
    wilson,
)
from recipe.mrpo.evaluate.statistics.cluster import ratio_draws, t_value


@given(st.integers(0, 400), st.integers(1, 400), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_is_that_of_statsmodels(successes, total, level):
    successes = min(successes, total)
    expected = proportion_confint(successes, total, alpha=1 - level, method="wilson")
    assert wilson(successes, total, level=level) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_that_of_statsmodels(only_first, only_second):
    expected = mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue if only_first + only_second else 1.0
    assert mcnemar_exact(only_first, only_second) == pytest.approx(min(1.0, expected), rel=1e-9)


@settings(max_examples=15)  # the oracle takes a quarter of a second a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]), abs=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 25, 200])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_the_quantile_of_t_is_that_of_scipy(freedom, level):
    assert t_value(level, freedom) == pytest.approx(stats.t.ppf(0.5 + level / 2, freedom), rel=0.01)


def test_the_bootstrap_is_that_of_scipy():
    """Percentile ends of a ratio over redrawn clusters, level not widened, within the noise of the draws."""
    random = np.random.default_rng(0)
    bottom = random.integers(1, 12, size=60).astype(float)
    top = random.binomial(bottom.astype(int), random.beta(4, 4, size=60)).astype(float)
    ours = np.quantile(ratio_draws(top, bottom, draws=9000, seed=1)[:, 0], [0.025, 0.975])
    theirs = stats.bootstrap(
        (top, bottom), lambda a, b, axis=-1: a.sum(axis=axis) / b.sum(axis=axis), paired=True, n_resamples=9000,
        method="percentile", rng=np.random.default_rng(2), vectorized=True,
    ).confidence_interval  # fmt: skip
    assert ours == pytest.approx(list(theirs), abs=0.004)


def answers(random, *, images: int, per_image: float, rho: float, right: float) -> list[tuple[int, int]]:
    """(image, right or wrong) of beta-binomial answers with that intra-class correlation."""
    scale = (1 - rho) / rho
    rows = []
    for image in range(images):
        p = random.beta(right * scale, (1 - right) * scale)
        rows += [(image, int(random.random() < p)) for _ in range(1 + random.poisson(per_image - 1))]
    return rows


def test_the_clustered_interval_covers_where_the_plain_one_does_not():
    """26 images with 7.7 questions each, as in a set of 200; intra-class correlation 0.25, 700 simulated sets."""
    random, true, sets = np.random.default_rng(3), 0.6, 700
    covered = {"clustered": 0, "plain": 0}
    for seed in range(sets):
        rows = answers(random, images=26, per_image=7.7, rho=0.25, right=true)
        found = share_interval(Clustered.of((image, ok, 1.0) for image, ok in rows), draws=600, seed=seed)
        covered["clustered"] += found.low <= true <= found.high
        low, high = wilson(sum(ok for _, ok in rows), len(rows), level=0.95)
        covered["plain"] += low <= true <= high
    assert covered["clustered"] / sets >= 0.93
    assert covered["plain"] / sets < 0.90


def test_a_paired_difference_is_sharper_than_two_intervals():
    random = np.random.default_rng(5)
    hard = {q: random.random() for q in range(400)}
    image = {q: q // 4 for q in hard}
    first = {q: float(random.random() < 1 - h) for q, h in hard.items()}
    second = {q: v if random.random() < 0.9 else 1.0 for q, v in first.items()}
    found = paired_difference(first, second, image, seed=1)
    alone = share_interval(Clustered.of((image[q], v, 1.0) for q, v in first.items()), seed=1)
    assert found.value == pytest.approx(np.mean([second[q] - first[q] for q in hard]))
    assert found.low > 0, "an improvement of five points on the same questions is seen"
    # A difference of two independent runs would be sqrt(2) times as uncertain as one run.
    assert found.high - found.low < 0.5 * 2**0.5 * (alone.high - alone.low)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=200))
def test_an_interval_holds_its_figure(rows):
    found = share_interval(Clustered.of((image, ok, 1.0) for image, ok in rows), draws=200)
    if found.low is not None:
        assert 0 <= found.low <= found.value + 1e-12 and found.value <= found.high + 1e-12 <= 1 + 1e-9


def test_the_seed_decides_the_interval():
    counts = Clustered.of((i % 13, i % 3 == 0, 1.0) for i in range(100))
    assert share_interval(counts, seed=1) == share_interval(counts, seed=1)
    assert share_interval(counts, seed=1) != share_interval(counts, seed=2)


@pytest.mark.parametrize(
    ("rows", "low", "method", "why"),
    [
        ([], None, "none", "nothing was counted"),
        ([(1, 1, 1.0), (1, 0, 1.0)], None, "none", "one image says nothing about others"),
        ([(1, 1, 2.0), (2, 2, 2.0)], "some", "cluster bootstrap", "two images"),
        ([(1, 2, 2.0), (2, 2, 2.0)], "some", "wilson", "all right: the bootstrap would say 100 to 100 %"),
        ([(1, 1, 1.0), (2, 0, 1.0)], "some", "wilson", "one question an image"),
    ],
)
def test_few_clusters_are_said_to_be_few(rows, low, method, why):
    found = share_interval(Clustered.of(rows))
    assert found.method == method, why
    assert (found.low is None) == (low is None), why


@pytest.mark.parametrize(("questions", "points"), [(200, 8.9), (706, 4.7), (2000, 2.8), (11136, 1.2)])
def test_the_detectable_difference_of_the_study_s_sets(questions, points):
    assert round(100 * detectable_difference(questions, discordant=0.2), 1) == points


def test_a_hundred_thousand_answers_take_seconds_and_little_memory():
    counts = Clustered()
    for i in range(100_000):
        counts.add(i // 5, i % 2, 1.0)
    found = share_interval(counts, draws=400)
    assert found.clusters == 20_000 and found.total == 100_000
    assert found.high - found.low < 0.02
