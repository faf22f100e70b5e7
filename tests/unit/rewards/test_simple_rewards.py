"""Process, length, format and semantic rewards, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.rollout.parsing import parse
from reward_fns.format import format_reward
from reward_fns.length import correct_reasoning_reward, extended_reasoning_reward, length_reward
from reward_fns.process import process_reward
from reward_fns.semantic import semantic_reward, verdict_reward

PROCESS = [
    ((1, 1, 1), 1.0, "every step holds"),
    ((1, 0, 1, 0), 0.5, "half of them"),
    ((0,), 0.0, "one step, invalid"),
    ((1,), 1.0, "one step, valid"),
    ((), 0.0, "nothing was reasoned"),
    (None, None, "unknown is not wrong"),
    ((True, False), 0.5, "booleans are labels too"),
]


@pytest.mark.parametrize(("labels", "value", "reason"), PROCESS)
def test_process_reward_is_the_share_of_valid_steps(labels, value, reason):
    assert process_reward(labels) == value, reason


@pytest.mark.parametrize("labels", [(2,), (0.5, 1), (-1,), (float("nan"),), ("1",)])
def test_a_label_is_zero_or_one(labels):
    with pytest.raises(ValueError, match="0 or 1"):
        process_reward(labels)


# steps, floor, value, reason; k_min 4, k_max 10
LENGTH = [
    (0, None, -1.0, "no step: the whole penalty"),
    (1, None, -0.75, "three short of four"),
    (3, None, -0.25, "one short"),
    (4, None, 0.0, "k_min itself is enough"),
    (7, None, 0.0, "inside the band"),
    (10, None, 0.0, "k_max itself is not too many"),
    (11, None, -0.1, "one too many"),
    (20, None, -1.0, "twice as many"),
    (50, None, -4.0, "no lower end"),
    (50, -1.0, -1.0, "clipped"),
    (11, -1.0, -0.1, "above the floor nothing changes"),
    (0, -0.5, -0.5, "the floor holds for short reasoning too"),
]


@pytest.mark.parametrize(("steps", "floor", "value", "reason"), LENGTH)
def test_length_reward_is_zero_inside_the_band_and_falls_outside(steps, floor, value, reason):
    assert length_reward(steps, k_min=4, k_max=10, floor=floor) == pytest.approx(value), reason


@given(steps=st.integers(0, 500), k_min=st.integers(1, 20), extra=st.integers(0, 20))
def test_length_reward_is_never_positive_and_no_step_towards_the_band_costs(steps, k_min, extra):
    k_max = k_min + extra
    value = length_reward(steps, k_min=k_min, k_max=k_max, floor=None)
    nearer = steps + 1 if steps < k_min else steps - 1 if steps > k_max else steps
    assert value <= 0 and length_reward(nearer, k_min=k_min, k_max=k_max, floor=None) >= value


@pytest.mark.parametrize(
    ("steps", "correct", "ecr", "cwr"),
    [(0, True, 0.0, 0.0), (5, True, 0.5, 0.5), (5, False, 0.5, 0.0), (10, True, 1.0, 1.0), (99, True, 1.0, 1.0)],
)
def test_longer_is_better_always_or_only_when_right(steps, correct, ecr, cwr):
    assert extended_reasoning_reward(steps, k_max=10) == ecr
    assert correct_reasoning_reward(steps, k_max=10, answer_correct=correct) == cwr


FORMAT = [
    ("<think>a. b.</think><answer>c</answer>", 1.0, "as asked"),
    ("<thinking>a.</thinking>\n<answer>c</answer>\n", 1.0, "the other tag, white space between"),
    ("<think>a.</think>c", 0.0, "no answer tag"),
    ("<answer>c</answer>", 0.0, "no reasoning"),
    ("<answer>c</answer><think>a.</think>", 0.0, "the wrong order"),
    ("<think>a.</think><answer>c</answer> so c", 0.0, "text after the answer"),
    ("Well: <think>a.</think><answer>c</answer>", 0.0, "text before the reasoning"),
    ("<think>a.</think><answer> </answer>", 0.0, "an empty answer"),
    ("<think>a.</think><answer>c", 0.0, "never closed"),
    ("<think>a.<answer>c</answer>", 0.0, "think never closed"),
    ("<think>a.</think><answer>c</answer><answer>d</answer>", 0.0, "two answers"),
    ("", 0.0, "nothing"),
]


@pytest.mark.parametrize(("text", "value", "reason"), FORMAT)
def test_format_reward_wants_both_blocks_in_order_and_nothing_else(text, value, reason):
    assert format_reward(parse(text)) == value, reason


class Fixed:
    def similarity(self, text, other):
        return 0.7


@pytest.mark.parametrize(
    ("reasoning", "gold", "value", "reason"),
    [
        ("a b", "a c", 0.7, "what the encoder says"),
        ("", "a c", 0.0, "no reasoning"),
        ("a b", "", None, "nothing to compare with"),
        ("a b", None, None, "nothing to compare with"),
    ],
)
def test_semantic_reward_is_the_encoders_similarity(reasoning, gold, value, reason):
    assert semantic_reward(reasoning, gold, encoder=Fixed()) == value, reason


@pytest.mark.parametrize(("verdict", "value"), [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0), (None, None)])
def test_a_verdict_is_the_reward(verdict, value):
    assert verdict_reward(verdict) == value


@pytest.mark.parametrize("verdict", ["yes", 0.5, 2])
def test_what_is_no_verdict_is_refused(verdict):
    with pytest.raises(ValueError, match="verdict"):
        verdict_reward(verdict)
