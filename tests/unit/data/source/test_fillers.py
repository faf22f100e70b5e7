"""Which texts stand for a missing value and which answer a question, kind by kind."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocess.source.fillers import is_filler
from data_preprocess.source.text import clean
from tests.unit.data.helpers import draw, run

MISSING = [
    (None, "null"),
    (math.nan, "a number that is none"),
    (math.inf, "JSON takes Infinity"),
    (-math.inf, "JSON takes -Infinity"),
    ("", "nothing"),
    (" \t\n", "white space"),
    ("\u200b", "zero-width space"),
    ("\ufeff\u200d\u2060", "byte order mark, joiner, word joiner"),
    ("\u00ad", "soft hyphen"),
    ("\u2800", "a braille cell without dots, drawn as nothing"),
    ("\u3164", "Hangul filler, drawn as nothing"),
    ("\u0301", "an accent without a letter"),
    ("-", "a dash stands in empty cells"),
    ("?", "punctuation"),
    ("…", "punctuation"),
    ("nan", "pandas writes an empty cell so"),
    ("NaN", "numpy and JavaScript"),
    ("<NA>", "pandas' nullable types"),
    ("NaT", "pandas' missing date"),
    ("null", "JSON's null as text"),
    ("NULL", "VQA-RAD and SQL"),
    ("n/a", "a person wrote that there is none"),
    ("N/A", "the same"),
    ("NA", "R's missing value"),
    ("#N/A", "Excel"),
    ("Infinity", "a division by 0 as text"),
    ("-inf", "a division by 0 as text"),
]
ANSWERS = [
    ("none", "How many masses? None."),
    ("None", "the same; Python's None arrives as null, not as text"),
    ("nil", "nothing abnormal, in British reports"),
    ("no", "closed questions"),
    ("zero", "a count"),
    (0, "a count"),
    (0.0, "a count"),
    ("unknown", "the source's answer"),
    ("undefined", "the margin is undefined"),
    ("Na", "sodium"),
    ("na", "not R's spelling"),
    ("+", "a sign: a test is positive"),
    ("±", "a sign"),
    ("°", "a sign"),
    ("左肺", "Chinese"),
    ("infarct", "begins like inf"),
    ("nan artery", "holds nan"),
    ("n/a lobe", "holds n/a"),
]


@pytest.mark.parametrize(("value", "why"), MISSING)
def test_a_filler_is_missing(value, why):
    assert clean(value) is None, why


@pytest.mark.parametrize(("value", "why"), ANSWERS)
def test_an_answer_stays(value, why):
    assert clean(value) == str(value), why


@given(st.text())
def test_white_space_around_a_text_changes_nothing(text):
    assert is_filler(text) == is_filler(f" {text}\n")


@given(st.text(alphabet=st.characters(categories=["L", "Nd"]), min_size=4).filter(lambda text: text.isalnum()))
def test_a_text_of_letters_and_digits_is_kept_unless_it_is_listed(text):
    assert is_filler(text) == (text.lower() in ("null", "infinity") or not set(text) - set("\u3164\u115f\u1160\uffa0"))


@pytest.mark.parametrize("answer", ["nan", "Infinity", float("nan"), float("inf"), "N/A", "null", "\u200b", "-"])
@pytest.mark.parametrize("dataset", ["vqa_rad", "quilt_vqa", "mimic_cxr_vqa"])
def test_no_filler_becomes_a_gold_answer(tmp_path, capsys, written, dataset, answer):
    """The three read JSON by different code; json.dumps writes NaN and Infinity, which Python's json reads."""
    (tmp_path / "in" / "images").mkdir(parents=True)
    (tmp_path / "in" / "images" / "a.jpg").write_bytes(draw("JPEG"))
    row = {
        "qid": 1, "phrase_type": "freeform", "image_name": "a.jpg", "image": "a.jpg", "image_path": "a.jpg",
        "image_id": "a", "question": "What is seen?", "answer": answer, "answer_type": "OPEN",
    }  # fmt: skip
    names = {"vqa_rad": "trainset.json", "quilt_vqa": "quiltvqa_test_w_ans.json", "mimic_cxr_vqa": "test.json"}
    (tmp_path / "in" / names[dataset]).write_text(json.dumps([row]))
    (tmp_path / "in" / "testset.json").write_text("[]")
    assert run(dataset, tmp_path / "in", tmp_path / "out") == 1
    assert "row 0: answer is empty" in capsys.readouterr().err and written() == []
