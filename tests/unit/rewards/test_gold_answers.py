"""The reference answers of a row."""

from __future__ import annotations

import numpy as np
import pytest

from recipe.mrpo.scoring.row import BadRow, Row
from reward_fns.custom_reward import compute_score
from reward_fns.gold_answers import golds_of


@pytest.mark.parametrize(
    ("ground_truth", "extra_info", "golds", "why"),
    [
        ("axial", {}, ("axial",), "one text"),
        (["axial", "transverse"], {}, ("axial", "transverse"), "several"),
        ("axial", {"answers": ["axial", "transverse"]}, ("axial", "transverse"), "as our files have it"),
        ("axial", {"answers": np.array(["axial", "transverse"], object)}, ("axial", "transverse"), "as pandas has it"),
        ("axial", {"answers": None}, ("axial",), "a file without alternatives"),
        (4, {}, None, "neither text nor texts"),
        ([4], {"answers": [5]}, ("4", "5"), "numbers become text"),
        ("axial", {"answers": np.array([2, 5])}, ("axial", "2", "5"), "those of numpy too"),
        ("axial", {"answers": "transverse"}, ("axial", "transverse"), "one text is one alternative, not its letters"),
        ("axial", {"answers": 5}, ("axial", "5"), "and one number"),
        ("axial", {"answers": ["transverse", None, "", "  "]}, ("axial", "transverse"), "none and blank ones are none"),
        ("axial", {"answers": [None, float("nan")]}, ("axial",), "nor is what pandas fills up with"),
        ("axial", {"answers": []}, ("axial",), "no alternative"),
        ("axial", {"answers": ""}, ("axial",), "a blank one"),
        (["axial", None, float("nan"), " "], {}, ("axial",), "nothing in a list is not the answer None"),
        (np.array([None, "axial"], object), {}, ("axial",), "nor is it in an array"),
        ([None], {"answers": ["axial", None]}, ("axial",), "an alternative alone"),
        ([None, float("nan")], {"answers": [None]}, (), "no answer"),
        ([], {}, (), "an empty list"),
    ],
)
def test_ground_truth_first_then_the_alternatives_each_once(ground_truth, extra_info, golds, why):
    if golds is None:
        with pytest.raises(TypeError):
            golds_of(ground_truth, extra_info)
    else:
        assert golds_of(ground_truth, extra_info) == golds, why


@pytest.mark.parametrize(
    "answers", [[["a"]], [np.array(["a", "b"])], [{"text": "a"}], {"text": "a"}, b"a", [b"a"], [True], object()]
)
def test_what_is_neither_text_nor_number_is_refused_by_name(answers):
    with pytest.raises(TypeError, match=r"extra_info\.answers"):
        golds_of("axial", {"answers": answers})


@pytest.mark.parametrize("ground_truth", [[["a"]], [{"text": "a"}], {"text": "a"}, b"a", [b"a"], [True], object()])
def test_a_ground_truth_that_is_neither_text_nor_number_is_refused_by_name(ground_truth):
    with pytest.raises(TypeError, match=r"reward_model\.ground_truth"):
        golds_of(ground_truth, {})


@pytest.mark.parametrize("ground_truth", [[None], [], [float("nan")], np.array([None], object)])
def test_a_row_without_any_answer_is_refused(ground_truth):
    with pytest.raises(BadRow, match="has no gold answer"):
        Row.of(ground_truth, {"answers": [None]})


def test_an_alternative_is_right_for_stock_reward_managers_too():
    row = {"answers": ["osteopoikilosis", "osteosclerotic lesions"]}
    text = "<think>Dense spots.</think><answer>osteosclerotic lesions</answer>"
    assert compute_score("x", text, "osteopoikilosis", row)["acc"] == 1.0
    assert compute_score("x", text, "osteopoikilosis", {})["acc"] == 0.0
