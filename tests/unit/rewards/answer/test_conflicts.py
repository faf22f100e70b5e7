"""An answer in conflict with the gold answer is wrong, whatever an encoder finds."""

from __future__ import annotations

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.reward import answer_reward
from tests.unit.rewards.answer.golden_table import RIGHT, TABLE


class Close:
    """An encoder that finds everything alike, as real ones find opposites."""

    def f1(self, predictions, references):
        return [0.99] * len(predictions)


IN_CONFLICT = [row for row in TABLE if row[3] in CONFLICTS and row[2] != RIGHT]


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), IN_CONFLICT)
def test_a_conflict_is_wrong_however_close_the_encoder_finds_it(answer_options, prediction, gold, value, why, reason):
    options, tau = answer_options(), load_options().tau
    assert answer_reward(prediction, gold, options=options, encoder=Close()).value <= tau, reason
    assert answer_reward(gold, gold, options=options, encoder=Close()).value > tau


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), IN_CONFLICT)
def test_a_conflict_is_one_in_either_direction(answer_options, prediction, gold, value, why, reason):
    options = answer_options(yes_no="leading")  # which takes 包含 for a word, not for a yes
    score = answer_reward(gold, prediction, options=options, encoder=Close())
    assert score.parts["conflict"] == why and score.value <= load_options().tau, reason


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), [r for r in TABLE if r[3] == "exact"])
def test_answers_that_are_equal_are_so_in_either_direction(answer_options, prediction, gold, value, why, reason):
    for one in [gold] if isinstance(gold, str) else gold[-1:]:
        assert answer_reward(one, prediction, options=answer_options(), encoder=None).value == 1.0, reason


# The same count, and a unit in place of what is counted: neither answer contradicts the other, and neither is right.
@pytest.mark.parametrize(
    ("prediction", "gold"),
    [("4 cm", "4 lesions"), ("2 mg", "2 lesions"), ("3%", "3 nodules"), ("2 cm", "grade 2"), ("2 weeks", "2 lungs")],
)
def test_a_measure_is_no_count_however_close_the_encoder_finds_it(answer_options, prediction, gold):
    for p, g in ((prediction, gold), (gold, prediction)):
        assert answer_reward(p, g, options=answer_options(), encoder=Close()).value <= load_options().tau
