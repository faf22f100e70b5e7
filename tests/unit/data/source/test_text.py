"""Text of records: what is missing, what is yes/no, what compares equal in a join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.source.text import clean, image_key, is_yes_no, join_key, join_text, row_key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4, "4"),  # VQA-RAD has integer answers
        ("  Right \t lobe\n", "Right lobe"),  # a tab stands inside a VQA-Med question
        ("NULL", None),  # VQA-RAD's missing text
        ("", None),
        (" \t", None),
        (None, None),
        (float("nan"), None),  # what pandas makes of an empty cell
        ("肺", "肺"),
        ("null hypothesis", "null hypothesis"),
    ],
)
def test_clean_reads_numbers_and_tells_missing_text(value, text):
    assert clean(value) == text


@pytest.mark.parametrize("value", [True, ["yes"], {"a": 1}, b"yes"])
def test_clean_refuses_what_is_no_text(value):
    with pytest.raises(TypeError, match="text or a number"):
        clean(value)


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        ("YES", True),
        ("no", True),
        (" Yes ", True),
        ("Maybe", False),  # CLOSED in VQA-RAD, open by its answer
        ("yes, on the left", False),
        ("not seen", False),
        ("no.", False),  # the study compares the whole text
    ],
)
def test_yes_no_is_exactly_yes_or_no(answer, closed):
    assert is_yes_no(answer) is closed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What plane is this ?", "what plane  is this?"),  # the Hugging Face copies write " ?" as "?"
        ("Axial", "axial"),
        ("lungs , liver ; heart", "lungs, liver; heart"),
    ],
)
def test_join_ignores_case_and_space_before_marks(one, other):
    assert join_text(one) == join_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left lung", "right lung"),
        ("Is it?", "Is it"),  # a mark itself counts
        ("x-ray", "x ray"),
    ],
)
def test_join_keeps_what_makes_a_difference(one, other):
    assert join_text(one) != join_text(other)


@given(st.text())
def test_join_text_is_idempotent(text):
    assert join_text(join_text(text)) == join_text(text)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("images/synpic1.jpg", "synpic1.jpg"),
        ("imgs/xmlab104/source.jpg", "xmlab104/source.jpg"),  # every SLAKE image is called source.jpg
        ("Train_images\\train_01.jpg", "train_01.jpg"),
    ],
)
def test_image_key_is_the_file_name_and_slakes_folder(path, key):
    assert image_key(path) == key


def test_a_key_tells_two_answers_to_one_question_apart():
    assert join_key("a.jpg", "Where?", "left") != join_key("a.jpg", "Where?", "right")


def test_half_a_character_is_refused_where_it_is_read():
    with pytest.raises(TypeError, match="half a character"):
        clean("axial \ud83d")
    assert clean("axial \U0001f600") == "axial \U0001f600"


def test_rows_of_two_folders_are_two_rows_though_a_join_may_take_either():
    assert row_key("a/1.png", "What ?", "Axial") != row_key("b/1.png", "What?", "axial")
    assert row_key("a/1.png", "What ?", "Axial") == row_key("a/1.png", "what?", "axial")
    assert join_key("a/1.png", "What?", "axial") == join_key("b/1.png", "What?", "axial")
