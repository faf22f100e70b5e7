"""The scoring function for verl's stock reward managers."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.mrpo.options.tree import OptionError
from reward_fns.custom_reward import compute_score

REASONING = (
    "The chest radiograph shows an opacity. The opacity lies in the right lower lobe. "
    "There is no effusion. This is consistent with pneumonia."
)
GOOD = f"<think>{REASONING}</think><answer>right lower lobe</answer>"
ROW = {"gold_reasoning": REASONING, "question": "Where is the abnormality?"}


def score(text, gold="right lower lobe", info=ROW, **options):
    return compute_score("vqa_rad", text, gold, info, **options)


def test_a_right_answer_with_gold_reasoning_earns_answer_and_process():
    result = score(GOOD)
    assert result["reward/answer"] == 1.0 and result["acc"] == 1.0 and result["reward/format"] == 1.0
    assert result["num_steps"] == 4 and result["reward/length"] == 0.0
    assert result["reward/process"] == 1.0 and result["process_known"] == 1.0
    assert result["score"] == pytest.approx(2.0)


def test_a_number_in_the_reasoning_cannot_satisfy_a_numeric_gold_answer():
    text = "<think>I count 4 lesions. There are 4 of them. Surely 4. Yes, 4.</think><answer>{}</answer>"
    assert score(text.format("seven"), gold="4")["reward/answer"] == 0.0
    assert score(text.format("four"), gold="4")["reward/answer"] == 1.0
    assert score("<think>I count 4 lesions.</think>", gold="4")["reward/answer"] == 0.0


def test_without_gold_reasoning_process_is_unknown_not_zero():
    result = score(GOOD, info={})
    assert result["process_known"] == 0.0 and math.isnan(result["reward/process"])
    assert result["score"] == pytest.approx(1.0)


def test_the_keys_are_the_same_in_every_row():
    rows = [score(GOOD), score(GOOD, info=None), score(""), score("<think>a.", gold=["x", "y"])]
    assert len({tuple(row) for row in rows}) == 1
    assert all(isinstance(value, float) for row in rows for value in row.values())


def test_an_empty_completion_has_nothing_right():
    result = score("")
    assert (result["reward/answer"], result["reward/process"], result["reward/length"]) == (0.0, 0.0, -1.0)
    assert result["score"] == -1.0


def test_options_come_over_the_defaults_and_a_wrong_one_is_named():
    assert score(GOOD, mrpo={"rewards": {"process": {"weight": 0.0}}})["score"] == pytest.approx(1.0)
    with pytest.raises(OptionError, match=r"mrpo\.tauu"):
        score(GOOD, mrpo={"tauu": 0.5})


def test_a_row_without_a_gold_answer_is_refused():
    with pytest.raises(ValueError, match="gold answer"):
        score(GOOD, gold=[])


def test_it_gives_the_same_in_threads():
    texts = [GOOD, "<think>a. b.</think><answer>$\\frac{1}{2}$</answer>", "<answer>9**9**9**9</answer>"] * 8
    alone = [score(text, gold="0.5") for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: score(text, gold="0.5"), texts)) == alone
    assert alone[1]["reward/answer"] == 1.0


@settings(max_examples=100, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", " left", " 3 cm.", " no", "\n", "1."])
    ).map("".join)
)
def test_any_completion_has_a_finite_score(text):
    result = score(text, gold="3 cm")
    assert math.isfinite(result["score"]) and 0.0 <= result["reward/answer"] <= 1.0


OWN = """
def fails(rollout):
    raise KeyError(rollout.prediction)
"""


def test_a_reward_that_raises_is_unknown_and_counted(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    own = {"weight": 1.0, "function": f"{tmp_path}/own.py:fails"}
    result = score(GOOD, mrpo={"rewards": {"own": own}})
    assert result["reward_errors"] == 1.0 and math.isnan(result["reward/own"])
    assert result["score"] == score(GOOD)["score"] and score(GOOD)["reward_errors"] == 0.0


def test_without_an_answer_reward_there_is_no_score(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(RuntimeError, match="the answer reward cannot be computed"):
        score(GOOD, mrpo={"rewards": {"answer": {"weight": 1.0, "function": f"{tmp_path}/own.py:fails"}}})


def test_a_row_is_read_as_the_reward_manager_reads_it():
    sentences = [sentence.strip() + "." for sentence in REASONING.split(".") if sentence.strip()]
    assert score(GOOD, info=json.dumps({**ROW, "gold_reasoning": sentences})) == score(GOOD)
