"""Scoring a rollout in two halves, with the judge between them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.options.tree import OptionError, load_options
from recipe.mrpo.rollout.record import is_wrong
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import BadRow, Row
from reward_fns.registry import Reward

ROW = Row.of("left lung", {"gold_reasoning": "It is dense.", "question": "Where?"})
TEXT = "<think>It is dense. It is big. It is left. It is so.</think><answer>{}</answer>"


def scorer(**rewards) -> Scorer:
    return Scorer(load_options({"rewards": rewards}))


@pytest.fixture(scope="module")
def usual() -> Scorer:
    return scorer()


def with_reward(fn) -> Scorer:
    one = scorer()
    one.rewards.append(Reward("own", 0.5, fn))
    one.weights["own"] = 0.5
    return one


def test_the_answer_is_rated_before_and_the_rest_after_the_judge(usual):
    case = usual.begin(TEXT.format("left lung"), ROW)
    assert case.values == {"answer": 1.0} and case.wrong is False and len(case.step_texts) == 4
    score = usual.finish(case, [1, 1, 0, 1], None)
    assert score.values == {"answer": 1.0, "process": 0.75, "length": 0.0, "format": 1.0}
    assert score.total == pytest.approx(1.75) and score.errors == {}


def test_unknown_labels_leave_out_what_reads_them_and_nothing_else(usual):
    score = usual.finish(usual.begin(TEXT.format("left lung"), ROW), None, None)
    assert score.values == {"answer": 1.0, "process": None, "length": 0.0, "format": 1.0}
    assert score.total == pytest.approx(1.0)


@given(value=st.floats(0, 1), tau=st.floats(0.5, 1))
def test_right_and_wrong_are_told_by_one_rule(value, tau):
    options = load_options({"tau": tau})
    one = Scorer(options)
    one.rewards[0] = Reward("answer", 1.0, lambda given: value)
    assert one.begin(TEXT.format("x"), ROW).wrong == is_wrong(value, tau=tau) == (value <= tau)


def test_a_reward_is_told_whether_the_answer_is_right_and_what_is_unknown_stays_unknown():
    seen = []
    one = with_reward(lambda given: seen.append(given.answer_correct) or 1.0)
    for answer in ("left lung", "heart"):
        one.finish(one.begin(TEXT.format(answer), ROW), None, None)
    one.rewards[0] = Reward("answer", 1.0, lambda given: None)
    case = one.begin(TEXT.format("heart"), ROW)
    one.finish(case, None, None)
    assert seen == [True, False, None] and case.wrong is None and case.errors == {}


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError(), MemoryError(), SystemExit(1), PermissionError(13, "no")]
)
def test_a_reward_that_raises_is_unknown_and_counted(error):
    def raises(given):
        raise error

    one = with_reward(raises)
    score = one.finish(one.begin(TEXT.format("left lung"), ROW), [1, 1, 1, 1], None)
    assert score.values["own"] is None and score.errors == {"own": type(error).__name__}
    assert score.total == pytest.approx(2.0)


@pytest.mark.parametrize("error", [PermissionError("not there"), OptionError("mrpo.x must be set.")])
def test_what_ends_the_run_is_raised(error):
    def raises(given):
        raise error

    one = with_reward(raises)
    with pytest.raises(type(error)):
        one.finish(one.begin(TEXT.format("left lung"), ROW), None, None)


def test_of_a_bad_row_every_reward_is_unknown_and_its_steps_are_there(usual, caplog):
    case = usual.begin(TEXT.format("left lung"), BadRow("row vqa//7 of the data has no gold answer"))
    score = usual.finish(case, None, None)
    assert case.wrong is None and len(case.steps) == 4 and set(score.values.values()) == {None}
    assert score.errors == {"row": "BadRow"} and score.total == 0.0
    assert "row vqa//7 of the data has no gold answer" in caplog.text


def test_the_sum_is_exact_and_leaves_out_the_unknown():
    one = with_reward(lambda given: 0.1)
    one.weights |= {"answer": 0.1, "process": 0.1, "length": 0.1, "format": 0.1}
    score = one.finish(one.begin(TEXT.format("left lung"), ROW), None, None)
    assert score.total == math.fsum([0.1, 0.0, 0.1, 0.5 * 0.1])
