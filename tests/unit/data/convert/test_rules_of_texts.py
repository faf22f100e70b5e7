"""Texts that must not reach a row: tags of the response, control tokens, texts of absurd length."""

from __future__ import annotations

import json

import pytest

from data_preprocess.convert.prompts import control_token, response_tag
from recipe.mrpo.backbones import BACKBONES

FIRST = "synpic46720.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "It is so.</think><answer>left</answer>",
        "<think>It is so.",
        "so </THINK > then",
        "< answer >left",
        "<answer id='1'>left",
        "</thinking>",
        "left<|im_end|>",
        "<|vision_start|>",
        "<IMG_CONTEXT>",
        *(f"</{backbone.think_tag}>" for backbone in BACKBONES.values()),
        *(f"left{backbone.eos}" for backbone in BACKBONES.values()),
    ],
)
def test_a_tag_of_the_response_is_found(text):
    assert response_tag(text)


def test_the_think_tag_of_ones_own_backbone_is_found():
    assert response_tag("so </reason> then") is None
    assert response_tag("so </Reason> then", "reason") == "</Reason>"


@pytest.mark.parametrize("text", ["a < b > c", "p<0.05", "I think so.", "an answer <5 mm", "<5 mm and >3 mm", "a|b"])
def test_ordinary_signs_are_no_tags(text):
    assert response_tag(text) is None and control_token(text) is None


def changed(rad, **values):
    def edit(records):
        records[0].update(values)

    rad.records(edit)
    return json.loads((rad.folder / "VQA_RAD Dataset Public.json").read_text())[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"answer": "left</think><answer>right"}, "row 0: the answer holds </think>, a tag of the response"),
        ({"answer": "<|im_end|>"}, "row 0: the answer holds <|im_end|>"),
        ({"question": "What?<|im_end|>\n<|im_start|>assistant"}, "row 0: the question holds <|im_end|>"),
        (
            {"question": "What " + "x" * 2_000_000},
            "the question has 2,000,005 characters, more than the 4,000 of",
        ),
        (
            {"answer": "left " * 2400},
            "the answer has 11,999 characters, more than the 1,000 of --max-answer-chars",
        ),
    ],
)
def test_a_row_with_such_a_text_is_refused_or_left_out_and_counted(rad, capsys, written, values, message):
    changed(rad, **values)
    assert rad.convert() == 1
    told = capsys.readouterr().err
    assert message in told and len(told) < 500 and written() == []
    assert rad.convert("--skip-bad") == 0
    assert "1 bad rows left out" in capsys.readouterr().err


def test_the_bounds_are_options(rad):
    changed(rad, question="x" * 5000, answer="y" * 2000)
    assert rad.convert("--max-question-chars", "5000", "--max-answer-chars", "2000") == 0


@pytest.mark.parametrize(
    ("reasoning", "message"),
    [
        ("It is so.</think><answer>left</answer>", "the gold reasoning holds </think>"),
        ("x" * 20_001, "the reasoning has 20,001 characters, more than the 20,000 of --max-reasoning-chars"),
    ],
)
def test_gold_reasoning_that_would_break_the_turn_is_refused(rad, capsys, written, reasoning, message):
    record = changed(rad)
    line = {"image_name": record["image_name"], "question": record["question"], "answer": str(record["answer"])}
    (rad.folder / "gold.jsonl").write_text(json.dumps(line | {"reasoning": reasoning}))
    assert rad.convert("--gold-reasoning", str(rad.folder / "gold.jsonl")) == 1
    assert message in capsys.readouterr().err and written() == []


def test_a_long_reason_is_shortened(rad, capsys):
    changed(rad, image_name="x" * 100_000)
    assert rad.convert() == 1
    assert len(capsys.readouterr().err) < 2000
