"""compat=reference: the numbers that the published definitions give, quirks included, and nothing of ours on top."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.parsing import parse
from reward_fns.answer import reward as answer
from reward_fns.answer.published import reference_rouge_tokens
from reward_fns.answer.reward import answer_reward
from reward_fns.answer.similarity import bleu1, rouge1_f1, stem
from reward_fns.build import build_rewards

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


# prediction, gold, value, reason: what the published reward accepts and ours does not; no encoder, so at most 0.5
REFERENCE = [
    ("2 lesions in the right lung", "2 lesions in the left lung", 1.0, "any equal number is enough for math-verify"),
    ("3 masses", "3 nodules", 1.0, "whatever is counted"),
    ("HER2+", "HER2-", 0.25, "ROUGE drops the sign, BLEU sees two words"),
    ("left lung", "right lung", 0.25 * 0.5 + 0.25 * 0.5, "no cap, and none needed"),
    ("right lung", "right lung", 0.25 + 0.25, "equal texts without a number: the half of BERTScore is missing"),
    ("yes it is", "yes", 0.25 * 0.5 + 0.25 / 3, "a yes is a word like any other"),
    ("35 mm", "3.5 cm", 0.0, "units are not converted"),
    ("two", "2", 0.0, "number words are words"),
    (r"$\frac{1}{2}$", "0.5", 1.0, "an expression"),
    ("The value is 3! so 6", "6", 1.0, "a factorial beside it does not keep math-verify from the 6"),
    ("There are 2 lesions in the right lung and the liver is normal, no effusion", "2", 1.0, "nor does the length"),
    ("right lung " * 200 + "4", "4", 1.0, "however long: max_chars does not apply"),
    ("", "4", 0.0, "nothing"),
]


@pytest.mark.parametrize(("prediction", "gold", "value", "reason"), REFERENCE)
def test_reference_mode_turns_our_rules_off(answer_options, prediction, gold, value, reason):
    score = answer_reward(prediction, gold, options=answer_options(compat="reference"), encoder=None)
    assert score.value == pytest.approx(value), (reason, dict(score.parts))
    assert score.parts["conflict"] == ""


# completion, gold, value with our rules, value of the published reward, reason
COMPLETIONS = [
    ("<think>I count 4.</think><answer>seven</answer>", "4", 0.0, 1.0, "a number in the reasoning answers"),
    ("<think>I count 4 lesions.", "4", 0.0, 1.0, "even where there is no answer"),
    (
        "<think>Lung.</think><answer>left lung</answer>",
        "left lung",
        1.0,
        0.5,
        "no number: only the overlap of the answer",
    ),
    ("<think>left lung", "left lung", 0.0, 0.0, "which the reasoning does not enter"),
]


@pytest.mark.parametrize(("completion", "gold", "ours", "published", "reason"), COMPLETIONS)
def test_reference_mode_gives_math_verify_the_whole_completion(completion, gold, ours, published, reason, rollout):
    parsed = parse(completion)
    given_ = rollout(parsed=parsed, prediction=parsed.answer, gold=(gold,))
    for compat, value in (("none", ours), ("reference", published)):
        (reward,) = build_rewards({"answer": load_options({"rewards": {"answer": {"compat": compat}}}).rewards.answer})
        assert reward.fn(given_) == value, (reason, compat)


def test_reference_mode_with_an_encoder_is_the_published_mix(answer_options):
    class Fixed:
        def f1(self, predictions, references):
            return [0.9] * len(predictions)

    score = answer_reward("pneumonia", "lobar pneumonia", options=answer_options(compat="reference"), encoder=Fixed())
    assert score.value == pytest.approx(0.25 * 2 / 3 + 0.25 * math.exp(-1) + 0.5 * 0.9)


def test_reference_mode_says_that_without_an_encoder_overlap_is_never_right(answer_options, caplog):
    answer._warn_without_encoder.cache_clear()
    answer_reward("a", "b", options=answer_options(compat="reference"), encoder=None)
    assert "no answer scores above 0.5 by its overlap" in caplog.text
