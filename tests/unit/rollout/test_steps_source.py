"""`mrpo.steps.source`: steps are the sentences of the reasoning, of a long answer, or of both."""

from __future__ import annotations

import itertools

import pytest

from recipe.mrpo.rollout.steps import SOURCES, parse, split_steps

WHOLE = "<think>It is CT. It is axial.</think><answer>The liver is large. The spleen is not.</answer>"
REASONING, REPORT = ["It is CT.", "It is axial."], ["The liver is large.", "The spleen is not."]


def steps(text: str, source: str, unclosed_think: str = "drop") -> list[str]:
    found = split_steps(parse(text), splitter="rules", unclosed_think=unclosed_think, source=source)
    assert all(a.end <= b.lead for a, b in itertools.pairwise(found)), "in order and disjoint"
    return [text[step.start : step.end] for step in found]


@pytest.mark.parametrize(
    ("text", "source", "wanted", "why"),
    [
        (WHOLE, "reasoning", REASONING, "the default"),
        (WHOLE, "answer", REPORT, "the sentences of the report"),
        (WHOLE, "both", [*REASONING, *REPORT], "one after the other"),
        ("<answer>The liver is large.</answer>", "reasoning", [], "no reasoning"),
        ("<answer>The liver is large.</answer>", "both", ["The liver is large."], "the report alone"),
        ("<think>It is CT.</think>", "answer", [], "no answer"),
        ("<answer>A. B.</answer><answer>The liver is large.</answer>", "answer", ["The liver is large."], "the last"),
        ("<answer>The liver is large. The sp", "answer", ["The liver is large.", "The sp"], "an answer cut off"),
        ("<answer></answer>", "answer", [], "an empty answer"),
    ],
)
def test_which_sentences_are_steps(text, source, wanted, why):
    assert steps(text, source) == wanted, why


def test_a_think_block_that_never_closes_is_reasoning_and_no_report():
    assert steps("<think>It is CT.", "answer", "keep") == []
    assert steps("<think>It is CT.", "both", "keep") == ["It is CT."]


def test_an_unknown_source_is_an_error():
    assert SOURCES == ("reasoning", "answer", "both")
    with pytest.raises(ValueError, match=r"mrpo\.steps\.source='report' is unknown"):
        steps(WHOLE, "report")
