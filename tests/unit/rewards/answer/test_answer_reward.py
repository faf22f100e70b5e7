"""The answer reward row by row, its options, its mix, its gold answers."""

from __future__ import annotations

import math

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.reward import answer_reward
from tests.unit.rewards.answer.golden_table import CAP, RIGHT, TABLE, mix

EXACT = {"accept": "exact", "yes_no": "exact"}  # nothing but the same text, quantity or expression is right


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), TABLE)
def test_the_similarity_of_answers_by_hand(answer_options, prediction, gold, value, why, reason):
    options = answer_options(**EXACT)
    score = answer_reward(prediction, gold, options=options, encoder=None)
    assert score.parts["capped"] == (value == CAP), (reason, dict(score.parts))
    assert score.value == pytest.approx(options.conflict_cap if value == CAP else value, abs=1e-12), (reason, score)
    assert (score.parts["accepted"] or score.parts["conflict"]) == why, (reason, dict(score.parts))


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), TABLE)
def test_what_is_accepted_stays_right_and_what_conflicts_stays_wrong_where_sentences_count(
    answer_options, prediction, gold, value, why, reason
):
    score = answer_reward(prediction, gold, options=answer_options(), encoder=None)
    if why:
        assert (score.value == 1.0) if value == RIGHT else (score.value <= load_options().tau), (reason, score)


def test_the_table_has_a_reason_per_row_and_no_row_twice():
    assert len(TABLE) >= 60
    assert len({(p, str(g)) for p, g, *_ in TABLE}) == len(TABLE)
    assert all(row[4] for row in TABLE)


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), [r for r in TABLE if r[2] == CAP])
def test_without_conflicts_the_capped_answers_score_their_overlap(answer_options, prediction, gold, value, why, reason):
    score = answer_reward(prediction, gold, options=answer_options(**EXACT, conflicts=[]), encoder=None)
    assert score.value > 0.5 and score.parts["conflict"] == ""


@pytest.mark.parametrize("kind", CONFLICTS)
def test_every_kind_of_conflict_can_be_switched_off_alone(answer_options, kind):
    rows = [r for r in TABLE if r[3] == kind and r[2] == CAP]
    assert rows, f"the table has no capped row for {kind}"
    options = answer_options(**EXACT, conflicts=[k for k in CONFLICTS if k != kind])
    assert any(not answer_reward(p, g, options=options, encoder=None).parts["capped"] for p, g, *_ in rows)


# rule, prediction, gold: right with the rule, not exact without it
RULES = [
    ("case", "Right Lung", "right lung"),
    ("articles", "the lung", "lung"),
    ("punctuation", "right, lung", "right lung"),
    ("number_words", "two lesions", "2 lesions"),
    ("units", "mass of 35 mm", "mass of 3.5 cm"),
    ("synonyms", "chest MRI", "chest magnetic resonance imaging"),
]


@pytest.mark.parametrize(("rule", "prediction", "gold"), RULES)
def test_every_rule_of_normalisation_is_an_option(answer_options, rule, prediction, gold):
    every = answer_options(**EXACT)
    assert answer_reward(prediction, gold, options=every, encoder=None).parts["accepted"] == "exact"
    without = answer_options(**EXACT, normalise=sorted(every.normalise - {rule}))
    assert answer_reward(prediction, gold, options=without, encoder=None).parts["accepted"] == ""


@pytest.mark.parametrize(
    ("mode", "prediction", "value"),
    [
        ("exact", "Yes, it is", 0.0),
        ("leading", "Yes, it is", 1.0),
        ("leading", "No, it is", 0.0),
        ("mix", "yes it", None),
    ],
)
def test_yes_no_answers_follow_their_option(answer_options, mode, prediction, value):
    score = answer_reward(prediction, "yes", options=answer_options(accept="exact", yes_no=mode), encoder=None)
    assert score.value == pytest.approx(mix(1, 2, 1) if value is None else value)


def test_without_an_encoder_the_other_weights_are_rescaled_and_the_parts_say_so(answer_options, caplog):
    options = answer_options(**EXACT, mix={"rouge1": 0.3, "bleu1": 0.1, "bertscore": 0.6})
    score = answer_reward("pneumonia", "lobar pneumonia", options=options, encoder=None)
    rouge, bleu = 2 / 3, math.exp(-1)
    assert score.value == pytest.approx((0.3 * rouge + 0.1 * bleu) / 0.4)
    assert score.parts["encoder"] == 0.0 and "bertscore" not in score.parts


class FixedEncoder:
    def f1(self, predictions, references):
        return [0.9] * len(predictions)


def test_with_an_encoder_the_mix_is_the_published_one(answer_options):
    score = answer_reward("pneumonia", "lobar pneumonia", options=answer_options(), encoder=FixedEncoder())
    assert score.value == pytest.approx(0.25 * 2 / 3 + 0.25 * math.exp(-1) + 0.5 * 0.9)
    assert score.parts["encoder"] == 1.0 and score.parts["bertscore"] == 0.9


def test_an_encoder_is_asked_once_for_all_gold_answers_and_not_at_all_for_a_right_one(answer_options):
    calls: list[int] = []

    class Counting:
        def f1(self, predictions, references):
            calls.append(len(predictions))
            return [0.1 * (1 + len(reference.split())) for reference in references]

    golds = ["yes", "pneumonia", "lobar pneumonia of the left lung", "left lobe"]
    score = answer_reward("left pneumonia", golds, options=answer_options(**EXACT), encoder=Counting())
    assert calls == [3], "a yes or no needs no encoder"
    alone = [
        answer_reward("left pneumonia", gold, options=answer_options(**EXACT), encoder=Counting()) for gold in golds
    ]
    assert score.value == max(one.value for one in alone) and score.parts["reference"] == 2.0
    calls.clear()
    assert answer_reward("left lobe", golds, options=answer_options(**EXACT), encoder=Counting()).value == 1.0
    assert calls == []


def test_an_answer_reward_needs_a_gold_answer(answer_options):
    with pytest.raises(ValueError, match="gold answer"):
        answer_reward("right lung", [], options=answer_options(**EXACT), encoder=None)


def test_it_says_once_that_there_is_no_encoder(answer_options, caplog):
    from reward_fns.answer import reward as answer

    answer._warn_without_encoder.cache_clear()
    for _ in range(3):
        answer_reward("a b", "a c", options=answer_options(**EXACT), encoder=None)
    assert [r for r in caplog.messages if "mrpo.rewards.answer.encoder" in r] == caplog.messages[:1]
