"""`splitter=reference` against the published code, written once more as its authors wrote it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rollout.step_tables import steps_of

BETWEEN = re.compile(r"(?<=[.!?])\s+(?=\S)")


def published(inside: str) -> list[list[str]]:
    """Pieces of each step: lists of text split by the regular expression, a bare number with the piece after it."""
    pieces = [piece for piece in BETWEEN.split(inside.strip()) if piece]
    steps, at = [], 0
    while at < len(pieces):
        size = 2 if re.fullmatch(r"\d+\.", pieces[at]) and at + 1 < len(pieces) else 1
        steps.append(pieces[at : at + size])
        at += size
    return steps


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param("1. Modality is CT.\n2. Mass.", ["1. Modality is CT.", "2. Mass."], id="a numbered list"),
        pytest.param("1.\nModality is CT.", ["1.\nModality is CT."], id="the text between stays"),
        pytest.param("1. 2. Mass.", ["1. 2.", "Mass."], id="joined once"),
        pytest.param("Mass. 3.", ["Mass.", "3."], id="a number at the end"),
        pytest.param("12. Mass. It is old.", ["12. Mass.", "It is old."], id="two figures"),
        pytest.param("1) Mass. 2) Old.", ["1) Mass.", "2) Old."], id="another mark is part of its piece"),
        pytest.param("a. Mass. Step 1. Old.", ["a.", "Mass.", "Step 1.", "Old."], id="no other mark is joined"),
        pytest.param("It is 3. So.", ["It is 3.", "So."], id="a number that is not bare"),
        pytest.param("**1.** Mass. So.", ["**1.** Mass.", "So."], id="bold is not split"),
        pytest.param("", [], id="empty"),
        pytest.param("1.", ["1."], id="nothing but a number"),
    ],
)
def test_a_bare_number_joins_the_next_piece_once(inside, expected):
    assert steps_of(inside, splitter="reference") == expected


PARTS = ["1.", "2.", "10.", "Mass.", "It is", "Why?", "e.g.", "!", "a", "3.5", "。", " ", " ", "\n", "\n\n", "\t", "1"]


@given(st.lists(st.sampled_from(PARTS), max_size=20).map("".join))
def test_the_reference_splitter_is_the_published_one(inside):
    steps = [BETWEEN.split(step) for step in steps_of(inside, splitter="reference")]
    assert steps == published(inside)
