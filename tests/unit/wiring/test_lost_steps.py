"""A run without steps says so at its first step, with the causes that its rollouts speak for."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from recipe.mrpo.wiring.lost_steps import lost_steps_warning, share_without_steps
from tests.unit.wiring.test_step_metrics import metrics_of_step
from tests.unit.wiring.trainer_run import add, batch_of


@pytest.fixture
def bare(make_record):
    """make(**fields): a record of a rollout without steps."""
    return lambda **more: make_record(labels=[], process=0.0, **more)


def test_a_rollout_that_could_not_be_read_has_no_known_number_of_steps(make_record, bare):
    unread = bare(errors={"rollout": "cannot be read"})
    assert share_without_steps([unread]) is None
    assert share_without_steps([unread, bare(), make_record()]) == 0.5


@pytest.mark.parametrize(("without", "told"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_warning_comes_where_most_rollouts_have_no_steps(make_record, bare, without, told):
    records = [bare() for _ in range(without)] + [make_record() for _ in range(4 - without)]
    warning = lost_steps_warning(records, max_response_length=512)
    assert (warning is not None) is told
    assert warning is None or f"{25 * without}% of the rollouts" in warning


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"response_tokens": 512, "answer": None}, "1 were cut off at data.max_response_length=512"),
        ({"answer": "yes"}, "1 have an answer but no think block"),
        ({"answer": None}, "1 have neither think block nor answer"),
    ],
)
def test_the_warning_names_the_cause_and_no_other(bare, fields, cause):
    warning = lost_steps_warning([replace(bare(), **fields)], max_response_length=512)
    assert cause in warning
    assert warning.count(";") == 1  # the sentence has one, and there is one cause


def test_the_trainer_warns_once_and_counts_in_every_step(queue, trainer, bare, make_record, caplog):
    one = trainer()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            add(queue, "q_0_0", bare(answer=0.0))
            add(queue, "q_1_0", bare(answer=1.0))
            metrics = metrics_of_step(one, batch_of(queue, list(queue.rows)))
            assert metrics["mrpo/rollouts_without_steps"] == 1.0
    told = [record.getMessage() for record in caplog.records if "no reasoning step" in record.getMessage()]
    assert len(told) == 1


def test_a_run_with_steps_is_not_warned(queue, trainer, make_record, caplog):
    one = trainer()
    add(queue, "q_0_0", make_record(answer=1.0))
    with caplog.at_level(logging.WARNING):
        assert metrics_of_step(one, batch_of(queue, list(queue.rows)))["mrpo/rollouts_without_steps"] == 0.0
    assert "no reasoning step" not in caplog.text
