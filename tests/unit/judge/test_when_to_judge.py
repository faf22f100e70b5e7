"""Which rollouts are left unjudged, as a table of laws."""

from __future__ import annotations

import itertools

import pytest

from recipe.mrpo.credit.shaping.registry import BUILT_IN
from recipe.mrpo.judge.when_to_judge import (
    ASK_FOR,
    shaping_reads_labels,
    skip_conflict,
    skip_reason,
)

EVERY = list(itertools.product((False, True, None), (False, True), (False, True)))


@pytest.mark.parametrize(("wrong", "read", "shaped"), EVERY)
def test_all_leaves_nobody_out(wrong, read, shaped):
    assert skip_reason("all", wrong=wrong, read_by_rewards=read, shaped=shaped) is None


@pytest.mark.parametrize(("wrong", "read", "shaped"), EVERY)
def test_needed_leaves_out_the_rollouts_with_labels_that_nothing_reads(wrong, read, shaped):
    reason = skip_reason("needed", wrong=wrong, read_by_rewards=read, shaped=shaped)
    assert reason == (None if read or shaped else "unused")


@pytest.mark.parametrize(("wrong", "read", "shaped"), EVERY)
def test_wrong_answers_leaves_out_right_rollouts_and_no_other(wrong, read, shaped):
    reason = skip_reason("wrong_answers", wrong=wrong, read_by_rewards=read, shaped=shaped)
    assert reason == ("right" if wrong is False else None), "an answer that could not be scored is not a right one"


def test_a_rollout_of_unknown_answer_is_not_shaped():
    assert not shaping_reads_labels("mrpo", shaping_options={}, estimator="mrpo", ours=("mrpo",), wrong=None)


def test_an_unknown_option_is_an_error():
    with pytest.raises(ValueError, match=r"mrpo\.judge\.ask_for='some' is unknown"):
        skip_reason("some", wrong=True, read_by_rewards=True, shaped=True)


@pytest.mark.parametrize("shaping", BUILT_IN)
@pytest.mark.parametrize("estimator", ["mrpo", "grpo", "gdpo", None])
@pytest.mark.parametrize("wrong", [False, True])
def test_labels_shape_only_wrong_rollouts_and_only_where_our_estimator_reads_them(shaping, estimator, wrong):
    reads = shaping == "srar" or (shaping in ("mrpo", "vppo", "step_credit") and wrong)
    expected = estimator == "mrpo" and reads
    given = {"shaping_options": {}, "estimator": estimator, "ours": ("mrpo",)}
    assert shaping_reads_labels(shaping, wrong=wrong, **given) is expected


def test_step_credit_reads_the_labels_of_right_rollouts_if_it_penalises_their_invalid_steps():
    given = {"estimator": "mrpo", "ours": ("mrpo",), "wrong": False}
    assert not shaping_reads_labels("step_credit", shaping_options={"invalid_of_right": 0}, **given)
    assert shaping_reads_labels("step_credit", shaping_options={"invalid_of_right": 0.5}, **given)


OWN = """
from recipe.mrpo.credit.shaping import Shaping


def rule(advantages, labels, num_steps, wrong):
    return labels.nan_to_num(0.0) * advantages[:, None]


everywhere = Shaping(rule, changes_right_rollouts=True)
"""


@pytest.mark.parametrize(("name", "wrong", "read"), [("rule", True, True), ("rule", False, False),
                                                     ("everywhere", False, True)])  # fmt: skip
def test_labels_of_a_right_rollout_are_read_only_by_a_rule_that_says_so(tmp_path, name, wrong, read):
    (tmp_path / "rules.py").write_text(OWN)
    own = f"{tmp_path}/rules.py:{name}"
    assert shaping_reads_labels(own, shaping_options={}, estimator="mrpo", ours=("mrpo",), wrong=wrong) is read


@pytest.mark.parametrize("ask_for", ASK_FOR)
def test_right_rollouts_must_be_judged_where_the_rule_changes_them_by_their_labels(ask_for):
    run = {"estimator": "mrpo", "estimators_with_unknown": ("mrpo",), "read_by_rewards": True, "shapes_right": True}
    said = skip_conflict(ask_for, **run)
    assert (said is not None and "mrpo.judge.ask_for=all" in said) is (ask_for == "wrong_answers")


@pytest.mark.parametrize("ask_for", ASK_FOR)
@pytest.mark.parametrize("estimator", ["mrpo", "gdpo", "grpo"])
@pytest.mark.parametrize("read", [False, True])
def test_an_estimator_that_counts_the_unknown_as_0_is_refused(ask_for, estimator, read):
    known = {"estimators_with_unknown": ("mrpo", "gdpo"), "read_by_rewards": read, "shapes_right": False}
    said = skip_conflict(ask_for, estimator=estimator, **known)
    if ask_for == "wrong_answers" and estimator == "grpo" and read:
        assert "mrpo.judge.ask_for=all" in said and "\n" not in said
    else:
        assert said is None
