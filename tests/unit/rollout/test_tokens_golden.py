"""Which token belongs to which step: tables of tokens with the step number of each, 0 outside every step."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from tests.unit.rollout.step_numbers import step_of_token


def numbers(pieces: list[bytes | str], *, unclosed_think: str = "drop") -> list[int]:
    """Step number of each token, for tokens that stand for `pieces`."""
    table = TokenTable([p.encode() if isinstance(p, str) else p for p in pieces])
    tokens = TokenText.from_ids(range(len(pieces)), table)
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think=unclosed_think)
    return step_of_token(align(steps, tokens), len(pieces)).tolist()


FULL_STOP = "。".encode()
LUNG = "🫁".encode()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(
            ["<think>", "It", " is", " CT", ".", " The", " lung", ".", "</think>"],
            [0, 1, 1, 1, 1, 2, 2, 2, 0],
            id="a leading space belongs to the step of its word",
        ),
        pytest.param(
            ["<think>", "It is CT", ".\n\n", "The lung", ".", "</think>"],
            [0, 1, 1, 2, 2, 0],
            id="a full stop with the space after it belongs to the step it ends",
        ),
        pytest.param(
            ["<think>", "It is CT", ".", "\n", "\n", "The lung", ".", "</think>"],
            [0, 1, 1, 2, 2, 2, 2, 0],
            id="white-space tokens belong to the step they lead",
        ),
        pytest.param(
            ["<think>", "\n", "It is CT", ".", "\n", "</think>"],
            [0, 1, 1, 1, 0, 0],
            id="white space after the last step is outside",
        ),
        pytest.param(
            ["<think>\n", "It is CT", ".", "</think>"],
            [0, 1, 1, 0],
            id="white space glued to the tag is outside",
        ),
        pytest.param(
            ["<", "think", ">", "It is CT", ".", "</", "think", ">", "<answer>", "CT", "</answer>"],
            [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
            id="tags of several tokens and the answer are outside",
        ),
        pytest.param(
            ["<think", ">It is", " CT", ".</", "think", ">"],
            [0, 1, 1, 1, 0, 0],
            id="a token that a tag and a step share belongs to the step",
        ),
        pytest.param(
            ["<think>", "It is CT", ". The", " lung", ".", "</think>"],
            [0, 1, 2, 2, 2, 0],
            id="a shared token belongs to the step it overlaps most",
        ),
        pytest.param(
            ["<think>", "It is CT", ". A", " mass is", ".", "</think>"],
            [0, 1, 1, 2, 2, 0],
            id="equal overlap: the earlier step",
        ),
        pytest.param(
            ["<think>", "It is CT. It", " is axial. So", " it is.", "</think>"],
            [0, 1, 2, 3, 0],
            id="two shared tokens in a row",
        ),
        pytest.param(
            ["<think>", "It is CT. Ok. It is", " axial.", "</think>"],
            [0, 1, 3, 0],
            id="a step without a token of its own gets none",
        ),
        pytest.param(
            ["<think>", "It", " is it. Ok. It is a mass", " now.", "</think>"],
            [0, 1, 3, 3, 0],
            id="a token over three steps belongs to the last one if that is its largest part",
        ),
        pytest.param(
            ["<think>It is CT. It is axial.</think>"],
            [2],
            id="one token for everything belongs to the longest step",
        ),
        pytest.param(
            ["<think>", "肺", FULL_STOP[:1], FULL_STOP[1:2], FULL_STOP[2:], "心", "。", "</think>"],
            [0, 1, 1, 1, 1, 2, 2, 0],
            id="the tokens of one character belong to its step together",
        ),
        pytest.param(
            ["<think>", LUNG[:3], LUNG[3:] + b" is", ".", " So", ".", "</think>"],
            [0, 1, 1, 1, 2, 2, 0],
            id="a character split over two tokens at the start of a step",
        ),
        pytest.param(
            ["<think>", "It", b"", " is", ".", "</think>", b"", b""],
            [0, 1, 1, 1, 1, 0, 0, 0],
            id="a special token inside a step is part of it, at the end of the response it is outside",
        ),
        pytest.param(
            ["Hi. ", "<think>", "It is", ".", "</think>", " Ho. ", "<think>", "So", ".", "</think>", "\n"],
            [0, 0, 1, 1, 0, 0, 0, 2, 2, 0, 0],
            id="two blocks are numbered on",
        ),
        pytest.param(["It", " is", " CT", "."], [0, 0, 0, 0], id="no block: no steps"),
        pytest.param(["<think>", "It", " is", "."], [0, 0, 0, 0], id="unclosed block: no steps"),
        pytest.param(["<think>", "</think>"], [0, 0], id="empty block"),
        pytest.param([], [], id="no tokens"),
    ],
)
def test_a_token_belongs_to_the_step_that_its_characters_overlap_most(pieces, expected):
    assert numbers(pieces) == expected


def test_an_unclosed_block_that_is_kept_has_its_tokens():
    assert numbers(["<think>", "It", " is", ".", " So"], unclosed_think="keep") == [0, 1, 1, 1, 2]


def test_an_empty_step_gets_an_empty_span():
    table = TokenTable([b"<think>", b"It is CT. Ok. It is", b" axial.", b"</think>"])
    tokens = TokenText.from_ids([0, 1, 2, 3], table)
    spans = align(split_steps(parse(tokens.text), splitter="rules", unclosed_think="drop"), tokens)
    assert len(spans) == 3
    assert spans[0] == (1, 2) and spans[2] == (2, 3)
    assert spans[1][0] == spans[1][1]


def test_spans_stay_in_order_when_a_token_over_three_steps_goes_to_the_last():
    table = TokenTable([b"<think>", b"It", b" is it. Ok. It is a mass", b" now.", b"</think>"])
    tokens = TokenText.from_ids(range(5), table)
    spans = align(split_steps(parse(tokens.text), splitter="rules", unclosed_think="drop"), tokens)
    assert spans == [(1, 2), (2, 2), (2, 4)]


def test_ids_outside_the_vocabulary_stand_for_nothing():
    """Embedding rows are padded to a multiple of 64 or more, and a policy can sample one of them."""
    table = TokenTable([b"<think>", b"It is.", b"</think>"])
    tokens = TokenText.from_ids([0, 99, 1, -1, 2], table)
    assert tokens.text == "<think>It is.</think>"
    assert tokens.starts.tolist() == [0, 7, 7, 13, 13]
    assert tokens.ends.tolist() == [7, 7, 13, 13, 21]
