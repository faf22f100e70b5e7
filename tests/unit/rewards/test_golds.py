"""The reference answers of a row."""

from __future__ import annotations

import numpy as np
import pytest

from reward_fns.custom_reward import compute_score
from reward_fns.golds import golds_of


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
    ],
)
def test_ground_truth_first_then_the_alternatives_each_once(ground_truth, extra_info, golds, why):
    if golds is None:
        with pytest.raises(TypeError):
            golds_of(ground_truth, extra_info)
    else:
        assert golds_of(ground_truth, extra_info) == golds, why


def test_an_alternative_is_right_for_stock_reward_managers_too():
    row = {"answers": ["osteopoikilosis", "osteosclerotic lesions"]}
    text = "<think>Dense spots.</think><answer>osteosclerotic lesions</answer>"
    assert compute_score("x", text, "osteopoikilosis", row)["acc"] == 1.0
    assert compute_score("x", text, "osteopoikilosis", {})["acc"] == 0.0
