"""What holds for every completion, however broken: a policy may write anything."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recipe.mrpo.rollout.steps import parse, split_steps
from tests.unit.rollout.step_tables import steps_of

TAGS = ["<think>", "</think>", "<thinking>", "</thinking>", "<THINK>", "</Think>", "<answer>", "</answer>", "<ANSWER>"]
PARTS = [
    "It is CT.", "e.g. ", "Fig. 2 ", "3.5 cm", "et al. ", "J. R. ", "S. aureus ", "No. ", "vs. ", "1. ", "2) ", "- ",
    "* ", "Step 3: ", "the lung", "yes", " ", "  ", "\n", "\n\n", "\r\n", "\t", ".", "..", "…", "!", "?", "。", "？",
    ")", '"', "”", "**", "<", ">", "</", "<th", "\u00a0", "\u3000", "\u200b", "\x00", "\x85", "\u2028", "\ufeff",
    "large.", "large.The", "C. ", "hepatitis C. ", "II. ", "a) ", "Findings: ", "Step one. ", "<br>", "<li>", "</b>",
    "[1]", " → ", "①", "．", "।", "The", "lungs are", "mm. ", "prox. ", "**", "###",
    "é", "e\u0301", "肺部", "🫁", "İ", "ß", "\ud800",
]  # fmt: skip
texts = st.one_of(st.text(), st.lists(st.sampled_from([*TAGS, *PARTS]), max_size=30).map("".join))
insides = st.lists(st.sampled_from(PARTS), max_size=30).map("".join)
splitters = st.sampled_from(["rules", "reference"])
unclosed_think = st.sampled_from(["drop", "keep"])


@given(texts, splitters, unclosed_think)
@example("<think>İ</THINK>İ", "rules", "drop")  # one character whose lower case is two
def test_spans_are_in_order_disjoint_trimmed_and_inside_a_think_block(text, splitter, unclosed_think):
    parsed = parse(text)
    blocks = list(parsed.think)
    if unclosed_think == "keep" and parsed.open_think is not None:
        blocks.append(parsed.open_think)
    previous = 0
    for step in split_steps(parsed, splitter=splitter, unclosed_think=unclosed_think):
        assert previous <= step.start < step.end
        previous = step.end
        assert text[step.start : step.end] == text[step.start : step.end].strip() != ""
        assert sum(a <= step.start and step.end <= b for a, b in blocks) == 1


@given(texts, splitters, unclosed_think)
def test_steps_cover_every_character_of_the_blocks_but_space(text, splitter, unclosed_think):
    parsed = parse(text)
    blocks = list(parsed.think)
    if unclosed_think == "keep" and parsed.open_think is not None:
        blocks.append(parsed.open_think)
    covered = {
        i for s in split_steps(parsed, splitter=splitter, unclosed_think=unclosed_think) for i in range(s.start, s.end)
    }
    visible = {i for a, b in blocks for i in range(a, b) if not text[i].isspace()}
    assert visible <= covered


@given(texts, splitters, unclosed_think)
def test_no_visible_character_is_in_two_steps_or_in_none(text, splitter, unclosed_think):
    parsed = parse(text)
    blocks = list(parsed.think)
    if unclosed_think == "keep" and parsed.open_think is not None:
        blocks.append(parsed.open_think)
    inside = "".join(text[a:b] for a, b in blocks)
    steps = "".join(
        text[s.start : s.end] for s in split_steps(parsed, splitter=splitter, unclosed_think=unclosed_think)
    )
    assert "".join(steps.split()) == "".join(inside.split())


@given(insides, splitters)
def test_a_sentence_more_changes_no_step_but_the_last(inside, splitter):
    before = steps_of(inside, splitter=splitter)
    after = steps_of(f"{inside} It is so.", splitter=splitter)
    assert after[: max(0, len(before) - 1)] == before[:-1]


@given(insides)
def test_a_step_alone_is_one_step(inside):
    for step in steps_of(inside):
        assert steps_of(step) == [step]


@given(texts)
def test_parsing_and_splitting_are_deterministic(text):
    def once():
        return parse(text), split_steps(parse(text), splitter="rules", unclosed_think="keep")

    assert once() == once()


@given(texts)
def test_think_blocks_are_in_order_disjoint_and_free_of_tags(text):
    previous = 0
    for start, end in parse(text).think:
        assert previous <= start <= end <= len(text)
        previous = end
        inside = text[start:end].lower()
        assert not any(tag.lower() in inside for tag in TAGS)


@given(insides, splitters)
def test_a_closed_block_has_the_steps_of_the_same_block_left_open(inside, splitter):
    """Truncation changes no cut before it; `unclosed_think=drop` alone drops the open block."""
    closed = split_steps(parse(f"<think>{inside}</think>"), splitter=splitter, unclosed_think="drop")
    left_open = split_steps(parse(f"<think>{inside}"), splitter=splitter, unclosed_think="keep")
    assert closed == left_open
    assert split_steps(parse(f"<think>{inside}"), splitter=splitter, unclosed_think="drop") == []


@given(
    insides,
    st.sampled_from(["", "Hello. Yes. ", "1. ", "\n\n"]),
    st.sampled_from(["", " It is so. 2. ", "<answer>a. b.</answer>"]),
)
def test_text_outside_the_block_changes_no_step(inside, before, after):
    def words(text):
        return [text[s.start : s.end] for s in split_steps(parse(text), splitter="rules", unclosed_think="drop")]

    assert words(f"{before}<think>{inside}</think>{after}") == words(f"<think>{inside}</think>")


@given(
    st.lists(
        st.sampled_from(["It is CT.", "The lung is clear.", "Is it large?", "See Fig. 2 there.", "It is 3.5 cm wide."]),
        max_size=8,
    )
)
def test_sentences_joined_by_spaces_come_back(sentences):
    text = f"<think>{' '.join(sentences)}</think>"
    assert [
        text[s.start : s.end] for s in split_steps(parse(text), splitter="rules", unclosed_think="drop")
    ] == sentences


@given(texts)
def test_well_formed_implies_one_closed_block_and_a_closed_answer(text):
    parsed = parse(text)
    if parsed.well_formed:
        assert len(parsed.think) == 1 and parsed.open_think is None
        assert parsed.answer and parsed.answer_closed


@pytest.mark.parametrize("unit", ["a. ", "<think>", "<answer>", "\n ", "e.g. ", "1. ", "!)", " "])
def test_a_long_repetition_is_split_without_blowing_up(unit):
    """30,000 characters, over ten times a completion: a pattern that backtracks quadratically would take minutes."""
    text = "<think>" + unit * (30_000 // len(unit))
    split_steps(parse(text + "</think>"), splitter="rules", unclosed_think="keep")
    split_steps(parse(text), splitter="reference", unclosed_think="keep")
