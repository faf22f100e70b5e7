"""Multiple choice: which choice an answer names, by letter, by text, or by both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.options.tree import load_options
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import Row
from reward_fns.choices import choices_of, chosen_text, lettered

CHOICES = ("pleural effusion", "pneumonia", "viral pneumonia", "C. albicans")
NAMED = [
    ("B", "pneumonia", "a letter"),
    ("(b)", "pneumonia", "in brackets, small"),
    ("b)", "pneumonia", "with a bracket"),
    ("**B**", "pneumonia", "in bold"),
    ("B.", "pneumonia", "with a dot"),
    ("The answer is B.", "pneumonia", "in a sentence"),
    ("Answer: B", "pneumonia", "after a colon"),
    ("Option B", "pneumonia", "by the name option"),
    ("the correct answer is (A) pleural effusion", "pleural effusion", "letter and text"),
    ("B: pneumonia", "pneumonia", "letter, colon, text"),
    ("B - pneumonia", "pneumonia", "letter, dash, text"),
    ("C. viral pneumonia", "viral pneumonia", "the longer one of two that hold the text"),
    ("D", "C. albicans", "a choice that begins like a letter"),
    ("A. pneumonia", "", "letter and text of two choices"),
    ("B. viral pneumonia", "", "the text holds that of B, and is that of C"),
    ("pneumonia", "pneumonia", "the text alone"),
    ("It is pneumonia.", "It is pneumonia.", "a sentence without a letter"),
    ("a pneumonia", "a pneumonia", "an article is no letter"),
    ("A pleural effusion", "A pleural effusion", "nor here"),
    ("C. albicans", "C. albicans", "a name is no letter"),
    ("C. albicans infection", "C. albicans infection", "nor in a phrase"),
    ("E", "E", "no choice has this letter"),
    ("B or A", "B or A", "two letters name none"),
    ("", "", "no answer"),
    (None, None, "no answer block"),
]


@pytest.mark.parametrize(("answer", "text", "why"), NAMED)
def test_the_choice_that_an_answer_names(answer, text, why):
    assert chosen_text(answer, CHOICES) == text, why


@pytest.mark.parametrize(("answer", "text", "why"), NAMED)
def test_without_choices_an_answer_stays_as_it_is(answer, text, why):
    assert chosen_text(answer, ()) == answer


@pytest.mark.parametrize("hostile", [" " * 200_000 + "x", "(" * 200_000, "the " * 50_000, "answer is " * 20_000 + "B"])
def test_a_long_answer_is_read_at_once_and_names_no_choice(hostile):
    assert chosen_text(hostile, CHOICES) == hostile


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_any_answer_is_itself_one_of_the_choices_or_nothing(answer, choices):
    assert chosen_text(answer, choices) in {answer, "", *choices}


@pytest.mark.parametrize(
    ("given_choices", "choices"),
    [
        (["CT", "MRI"], ("CT", "MRI")),
        (np.array(["CT", "MRI"], dtype=object), ("CT", "MRI")),
        (["CT", None, " "], ("CT",)),
        (None, ()),
        ("CT", ()),
        ({"A": "CT"}, ()),
        (7, ()),
        (["x"] * 30, ("x",) * 26),
    ],
)
def test_choices_are_a_list_of_texts_in_the_row(given_choices, choices):
    assert choices_of({"choices": given_choices}) == choices
    assert choices_of({}) == ()


def test_a_prompt_shows_them_with_letters():
    assert lettered(["CT", "MRI"]) == "A. CT\nB. MRI" and lettered([]) == ""


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ("B", True, "by letter"),
        ("pneumonia", True, "by text"),
        ("The answer is B", True, "by letter in a sentence"),
        ("The image shows pneumonia.", True, "by text in a sentence"),
        ("A", False, "another letter"),
        ("pleural effusion", False, "another text"),
        ("A. pneumonia", False, "a letter and a text that contradict each other"),
        ("E", False, "a letter without a choice"),
    ],
)
def test_letters_and_texts_both_count_in_the_answer_reward(answer, right, why):
    info = {"question": "Which disease?", "choices": ["pleural effusion", "pneumonia"], "gold_reasoning": "x"}
    case = Scorer(load_options()).begin(f"<answer>{answer}</answer>", Row.of("pneumonia", info))
    assert case.wrong is not right and case.given.prediction == answer, why


def test_the_published_arithmetic_knows_no_choices():
    info = {"choices": ["pleural effusion", "pneumonia"]}
    scorer = Scorer(load_options({"rewards": {"answer": {"compat": "reference"}}}))
    assert scorer.begin("<answer>B</answer>", Row.of("pneumonia", info)).wrong
