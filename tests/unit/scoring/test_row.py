"""One reading of a row: what tables and files write for a text, for nothing, and for what is neither."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.scoring.row import BadRow, Row, prompt_id

READ = [
    ("It is dense.", "It is dense.", "a text"),
    (["It is dense.", "It is left."], "It is dense.\nIt is left.", "sentences of a list"),
    (("It is dense.",), "It is dense.", "a tuple"),
    (np.array(["a", "b"], dtype=object), "a\nb", "an array, as parquet gives lists"),
    (["a", None, "  ", math.nan, "b"], "a\nb", "fillers of a table in the list"),
    ([], "", "an empty list"),
    (None, "", "null"),
    (math.nan, "", "pandas' null"),
    (np.float64("nan"), "", "NumPy's null"),
]


@pytest.mark.parametrize(("written", "read", "why"), READ)
def test_gold_reasoning_is_a_text_or_a_list_of_texts(written, read, why):
    assert Row.of("yes", {"gold_reasoning": written}).gold_reasoning == read, why


@pytest.mark.parametrize("name", ["gold_reasoning", "question"])
@pytest.mark.parametrize("value", [3, 0.5, True, b"text", {"a": "b"}, [1, 2], [["a"]], np.array([["a"]]), object()])
def test_what_is_no_text_is_a_sentence_with_row_and_column_and_never_its_repr(name, value):
    with pytest.raises(BadRow, match=rf"^extra_info\.{name} of row vqa/train/7 of the data must be a text or a list"):
        Row.of("yes", {name: value, "split": "train", "index": 7}, data_source="vqa")


@pytest.mark.parametrize("wrap", [dict, json.dumps, lambda info: json.dumps(info).encode()])
def test_extra_info_is_a_struct_or_json_text_of_one(wrap):
    row = Row.of("yes", wrap({"gold_reasoning": "It is dense.", "question": "Is it?", "index": 3}))
    assert (row.gold_reasoning, row.question, row.extra_info["index"]) == ("It is dense.", "Is it?", 3)


@pytest.mark.parametrize("value", ["{", "[1]", "3", "null and void", 3, ["a"], "[" * 100_000])
def test_extra_info_that_is_neither_is_a_sentence(value):
    with pytest.raises(BadRow, match=r"^extra_info of a row of vqa"):
        Row.of("yes", value, data_source="vqa")


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_extra_info_is_a_row_without_gold_reasoning(value):
    assert Row.of("yes", value) == Row(gold=("yes",))


@pytest.mark.parametrize("gold", [None, math.nan, "", " ", [], ["", " "]])
def test_a_row_without_a_gold_answer_is_a_sentence(gold):
    with pytest.raises(BadRow, match=r"row vqa//4 of the data has no gold answer in reward_model\.ground_truth"):
        Row.of(gold, {"index": 4}, data_source="vqa")


@pytest.mark.parametrize("flag", ["false", 0, 1, None, "no"])
def test_an_unclear_flag_is_a_sentence(flag):
    with pytest.raises(BadRow, match=r"extra_info\.may_leave_machine of row vqa//"):
        Row.of("yes", {"may_leave_machine": flag}, data_source="vqa").may_leave_machine()


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(
    gold=json_like,
    info=json_like | st.fixed_dictionaries({"gold_reasoning": json_like, "question": json_like, "answers": json_like}),
)
def test_any_row_is_read_or_refused_in_one_sentence(gold, info):
    try:
        row = Row.of(gold, info, data_source="vqa")
    except BadRow as error:
        assert "of the data" in str(error) or "extra_info of a row" in str(error)
        return
    assert row.gold and all(isinstance(answer, str) for answer in row.gold)
    assert isinstance(row.gold_reasoning, str) and isinstance(row.question, str)
    json.dumps(row.case())


NUMBERED = {"data_source": "slake", "extra_info": {"split": "train", "index": 7, "question": "What?"}}
ASKED = [{"role": "user", "content": [{"type": "image", "image": b"x"}, {"type": "text", "text": "What?"}]}]


@pytest.mark.parametrize(
    ("columns", "name", "why"),
    [
        (NUMBERED, '["slake", "train", "7"]', "the row's number in its data"),
        (NUMBERED | {"raw_prompt": ASKED}, '["slake", "train", "7"]', "whatever else is known of it"),
        ({**NUMBERED, "extra_info": json.dumps(NUMBERED["extra_info"])}, '["slake", "train", "7"]', "as JSON text"),
        ({"raw_prompt": ASKED}, '["", "", "What?", "None", "None"]', "without a number what is asked"),
        ({"raw_prompt": ASKED, "reward_model": {"ground_truth": "CT"}}, '["", "", "What?", "None", "CT"]', "and gold"),
        ({"extra_info": "{no JSON", "raw_prompt": None}, '["", "", "", "None", "None"]', "a row that cannot be read"),
        ({"extra_info": {"index": 0}}, '["", "", "0"]', "0 is a number"),
    ],
)
def test_a_prompt_has_the_same_name_whenever_its_row_comes_again(columns, name, why):
    assert prompt_id(columns) == name, why
