"""compat=reference: the numbers that the published definitions give, and nothing of ours on top."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from reward_fns.answer import answer_reward
from reward_fns.overlap import bleu1, reference_rouge_tokens, rouge1_f1, stem

# prediction, reference, ROUGE-1 F1 (stems of ASCII words), BLEU-1 (white-space tokens, case kept), reason
TABLE = [
    ("right lung", "right lung", 1.0, 1.0, "equal"),
    ("Right lung", "right lung", 1.0, 0.5, "BLEU keeps the case: 1 of 2"),
    ("right lung.", "right lung", 1.0, 0.5, "BLEU keeps the full stop on its word"),
    ("lesions", "lesion", 1.0, 0.0, "ROUGE stems"),
    ("pathological", "pathology", 1.0, 0.0, "patholog- both: nltk's Porter, not the original"),
    ("the right lung", "right lung", 0.8, 2 / 3, "P 2/3, R 1; BLEU has no length reward"),
    ("lung", "right lung", 2 / 3, math.exp(-1), "brevity penalty exp(1 - 2/1)"),
    ("right right right", "right lung", 0.4, 1 / 3, "clipped: 1 of 3, R 1/2"),
    ("T2-weighted", "T2 weighted", 1.0, 0.0, "a hyphen parts ROUGE tokens only"),
    ("élevé", "élevé", 1.0, 1.0, "non-ASCII letters part words: lev"),
    ("左肺", "左肺", 0.0, 1.0, "ROUGE sees no ASCII word at all"),
    ("<b>lung</b>", "lung", 1.0, 0.0, "ROUGE drops tags"),
    ("", "lung", 0.0, 0.0, "nothing"),
]


@pytest.mark.parametrize(("prediction", "reference", "rouge", "bleu", "reason"), TABLE)
def test_rouge_and_bleu_by_hand(prediction, reference, rouge, bleu, reason):
    assert rouge1_f1(reference_rouge_tokens(prediction), reference_rouge_tokens(reference)) == pytest.approx(rouge), (
        reason
    )
    assert bleu1(prediction.split(), reference.split()) == pytest.approx(bleu), reason


WORDS = st.lists(st.sampled_from("a b c d left Left lung lung.".split()), max_size=9)


@given(prediction=WORDS, reference=WORDS.filter(bool))
def test_bleu_is_nltks_with_unigram_weights_and_smoothing(prediction, reference):
    expected = sentence_bleu(
        [reference], prediction, weights=(1, 0, 0, 0), smoothing_function=SmoothingFunction().method4
    )
    assert bleu1(prediction, reference) == pytest.approx(expected, abs=1e-12)


@given(prediction=WORDS, reference=WORDS)
def test_rouge_f1_is_symmetric_and_bleu_is_not_more_than_precision(prediction, reference):
    assert rouge1_f1(prediction, reference) == pytest.approx(rouge1_f1(reference, prediction))
    if prediction:
        assert bleu1(prediction, reference) <= sum(w in reference for w in prediction) / len(prediction) + 1e-12


def test_short_words_are_not_stemmed():
    assert stem(("has", "was", "masses")) == ("has", "was", "mass")


# prediction, gold, value, reason: what the published reward accepts and ours does not
REFERENCE = [
    ("2 lesions in the right lung", "2 lesions in the left lung", 1.0, "any equal number is enough for math-verify"),
    ("3 masses", "3 nodules", 1.0, "whatever is counted"),
    ("left lung", "right lung", 0.5, "no cap, and none needed: 0.5 of 0.5 and 0.5"),
    ("yes it is", "yes", 0.5 * 0.5 + 0.5 / 3, "a yes is a word like any other"),
    ("35 mm", "3.5 cm", 0.0, "units are not converted"),
    ("two", "2", 0.0, "number words are words"),
    (r"$\frac{1}{2}$", "0.5", 1.0, "an expression"),
]


@pytest.mark.parametrize(("prediction", "gold", "value", "reason"), REFERENCE)
def test_reference_mode_turns_our_rules_off(answer_options, prediction, gold, value, reason):
    score = answer_reward(prediction, gold, options=answer_options(compat="reference"), encoder=None)
    assert score.value == pytest.approx(value), (reason, dict(score.parts))
    assert score.parts["conflict"] == ""
