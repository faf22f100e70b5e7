"""How often the answer reward calls a wrong answer right and a right one wrong, on the rows of tests/data/answers."""

from __future__ import annotations

import pytest

from benchmarks.bench_answers import FILES, rates, read_rows, scorer
from recipe.mrpo.options.tree import load_options

# The terms have no sentences and one pair a gold answer.
BOUNDS = {"wrong called right": 0.04, "right called wrong": 0.30, "sentences": 0.15, "wrong above right": 0.05}


@pytest.fixture(scope="module")
def score():
    return scorer()


@pytest.mark.parametrize("name", FILES)
def test_the_gate_errs_seldom(name, score):
    found = rates(read_rows(name), score, tau=load_options().tau)
    late = {what: share for what, share in found.items() if share > BOUNDS.get(what, 1)}
    assert not late, f"{name}: {late}"


@pytest.mark.parametrize("name", FILES)
def test_every_row_has_a_verdict_a_reason_and_stands_once(name):
    rows = read_rows(name)
    keys = {(row["question"], *row["golds"], row["prediction"]) for row in rows}
    assert len(keys) == len(rows) == len({row["id"] for row in rows})
    assert all(row["right"] in (0, 1) and row["reason"] and row["origin"] for row in rows)
    assert {row["form"] for row in rows} <= {"short", "long"}


def test_no_answer_that_plays_the_reward_scores_above_an_honest_one(score):
    rows = read_rows("develop")
    honest: dict[tuple[str, ...], float] = {}
    for row in rows:
        key = (row["question"], *row["golds"])
        if row["kind"] == "same" and row["right"]:
            honest[key] = max(honest.get(key, 0.0), score(row))
    played = [row for row in rows if row["kind"] == "play" and (row["question"], *row["golds"]) in honest]
    assert len(played) >= 20
    for row in played:
        assert score(row) < honest[(row["question"], *row["golds"])], row


def test_the_value_of_an_answer_lies_above_tau_only_where_it_is_accepted(score):
    tau = load_options().tau
    assert {score(row) for row in read_rows("develop") if score(row) > tau} == {1.0}
