"""The answer reward of long answers: its formula as laws, a table of its values."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import Row
from reward_fns import long_answer
from reward_fns.long_answer import f1, sentences

GOLD = "The heart is normal in size. The lungs are clear. There is no pleural effusion."
TABLE = [
    (GOLD, 1.0, "the reference"),
    ("There is no pleural effusion. The lungs are clear. The heart is normal in size.", 1.0, "in another order"),
    ("The heart is normal in size.", 0.5714, "one of three sentences: P = 1, R = (1 + 1/4 + 2/11)/3"),
    ("There is a pleural effusion.", 0.0, "the opposite; all else of it are words such as is"),
    ("pneumonia", 0.0, "no common word"),
    ("", 0.0, "nothing"),
]
WORDS = st.sampled_from("the heart lungs are is clear normal no effusion left right . enlarged 3 cm".split())
REPORT = st.lists(WORDS, max_size=20).map(" ".join)


@pytest.mark.parametrize(("answer", "value", "why"), TABLE)
def test_the_value_of_an_answer(answer, value, why):
    assert f1(answer, GOLD, conflicts=True) == pytest.approx(value, abs=5e-4), why


@settings(max_examples=60, deadline=None)
@given(REPORT, REPORT)
def test_it_lies_in_0_1_is_the_same_both_ways_and_never_grows_by_contradictions(one, other):
    value = f1(one, other, conflicts=False)
    assert 0 <= f1(one, other, conflicts=True) <= value + 1e-12 <= 1 + 1e-9
    assert value == pytest.approx(f1(other, one, conflicts=False))


@pytest.mark.parametrize(
    "wrong",
    [
        GOLD.replace("no pleural", "a pleural"),
        "There is an opacity in the right lower lobe.",
        "The nodule measures 3 cm.",
    ],
)
def test_a_sentence_that_contradicts_earns_nothing(wrong):
    gold = {0: GOLD, 1: "There is an opacity in the left lower lobe.", 2: "The nodule measures 1 cm."}
    right = gold[[GOLD[:9] in wrong, "opacity" in wrong, "nodule" in wrong].index(True)]
    assert f1(wrong, right, conflicts=True) < f1(wrong, right, conflicts=False) <= 1
    assert f1(wrong, right, conflicts=True) < f1(right, right, conflicts=True) == 1


def test_a_sentence_more_costs_precision():
    assert f1(f"{GOLD} There is a fracture of the left clavicle.", GOLD, conflicts=True) < 1


def test_a_hostile_length_is_bounded():
    assert len(sentences("It is. " * 100_000)) <= long_answer.MAX_SENTENCES


def scored(answer: str, gold=GOLD, **options) -> float:
    node = {"rewards": {"answer": {"function": "reward_fns.long_answer:report_f1", **options}}, "tau": 0.4}
    return Scorer(load_options(node)).begin(f"<answer>{answer}</answer>", Row.of(gold, {})).values["answer"]


def test_it_takes_the_place_of_the_measure_for_short_answers_and_the_best_reference_counts():
    assert scored(GOLD) == 1.0
    assert scored("There is a pleural effusion.") == 0.0
    assert scored("There is a pleural effusion.", conflicts=False) > 0
    assert scored("The lungs are clear.", gold=[GOLD, "The lungs are clear."]) == 1.0


def test_rouge_l_of_the_whole_is_there_for_comparison():
    node = {"rewards": {"answer": {"function": "reward_fns.long_answer:rouge_l"}}}
    case = Scorer(load_options(node)).begin("<answer>There is a pleural effusion.</answer>", Row.of(GOLD, {}))
    assert case.values["answer"] == pytest.approx(2 * 4 / (5 + 15)), "there, is, pleural, effusion of 5 and 15 words"


def test_without_the_package_the_sentence_names_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    long_answer._scorer.cache_clear()
    try:
        with pytest.raises(ImportError, match=r"verl-mrpo\[reports\].*mrpo\.rewards\.answer\.mode=judge"):
            f1("Unseen words here.", "Unseen words there.", conflicts=True)
    finally:
        long_answer._scorer.cache_clear()
