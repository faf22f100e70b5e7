"""The published figures fit together, or what does not is recorded."""

from __future__ import annotations

import importlib

import pytest

from data_preprocess.datasets import NAMES
from recipe.mrpo.evaluate.scores.published.fit import average_fits, is_share_of, micro_average, misfits, shares_fit
from recipe.mrpo.evaluate.scores.published.read import published

MISFITS: dict[tuple[str, str], list[str]] = {}
"""By (model, method) the figures of a published row that cannot be; the accuracy table has no recorded row yet."""


def test_the_test_sizes_are_those_of_the_data_sets():
    modules = [importlib.import_module(f"data_preprocess.{name}") for name in NAMES if name != "own"]
    sizes = {info.data_source: info.open_test_size for info in (module.INFO for module in modules)}
    assert published().test_sizes == {name: size for name, size in sizes.items() if size is not None}
    assert sum(published().test_sizes.values()) == 11_136


def test_published_stages_make_up_the_whole_within_their_rounding():
    first = published().first_failures
    for row in first.rows:
        assert shares_fit({n: row.share(n) for n in ("early", "mid", "late")}, digits=first.digits), row.method
    assert {row.method: round(row.total, 1) for row in first.rows} == {
        "base": 100.0, "GDPO": 100.1, "GRPO": 99.9, "MRPO": 99.9}  # fmt: skip


def test_published_averages_are_those_of_the_cells_but_for_the_recorded_ones():
    table, sizes = published().accuracy, published().test_sizes
    if not table.rows:
        pytest.skip("no row of the accuracy table is recorded: its cells are published as a picture only")
    found = {(row.model, row.method): misfits(row.cells, sizes, row.average, digits=table.digits) for row in table.rows}
    assert {name: wrong for name, wrong in found.items() if wrong} == MISFITS


def test_the_reported_reductions_are_those_of_their_table():
    first = {row.method: row for row in published().first_failures.rows}
    paper = next(row for row in published().early_failures if row.from_ == "paper")
    assert (paper.before, paper.after) == (first["base"].early, first["MRPO"].early)


@pytest.mark.parametrize(
    ("percent", "n", "possible"),
    [(64.5, 200, True), (64.55, 200, False), (0.0, 200, True), (100.0, 200, True), (33.33, 3, True), (33.3, 3, False),
     (100.5, 200, False), (26.06, 706, True), (26.11, 706, False)],
)  # fmt: skip
def test_a_share_of_n_questions_is_k_of_n(percent, n, possible):
    assert is_share_of(percent, n, digits=2) == possible


def test_a_row_whose_average_is_another_is_found():
    sizes = {"a": 200, "b": 800}
    cells = {"a": 50.0, "b": 25.0}
    assert micro_average(cells, sizes) == 30.0
    assert misfits(cells, sizes, 30.0, digits=2) == []
    assert misfits(cells, sizes, 37.5, digits=2) == ["average"], "a macro average is not the micro one"
    assert misfits(cells | {"b": 25.01}, sizes, 30.01, digits=2) == ["b"]
    assert average_fits(cells, sizes, 30.01, digits=2) and not average_fits(cells, sizes, 30.02, digits=2)
