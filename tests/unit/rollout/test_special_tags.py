"""Tags of the response format that a tokenizer owns as special tokens, and templates that open the block themselves."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from tests.unit.rollout.small_tokenizers import TAGS, make_tokenizer

ANSWER = "<think>The lung is clear. The heart is big.</think><answer>CT</answer>"


def rollout(tokenizer, text: str):
    """Text, parsed rollout, and the text of the tokens in the span of each step."""
    ids = [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]
    tokens = TokenText.from_ids(ids, TokenTable.from_tokenizer(tokenizer))
    parsed = parse(tokens.text)
    steps = split_steps(parsed, splitter="rules", unclosed_think="drop")
    spans = align(steps, tokens)
    return parsed, spans, [tokenizer.decode(ids[a:b]) for a, b in spans]


@pytest.mark.parametrize(
    ("special", "plain"),
    [
        pytest.param(TAGS, (), id="all are special"),
        pytest.param(TAGS[:2], TAGS[2:], id="the think tags are special"),
        pytest.param(TAGS[2:], (), id="the answer tags are special"),
        pytest.param((), TAGS, id="all are plain tokens"),
        pytest.param((), (), id="none is a token"),
    ],
)
def test_tags_that_are_special_tokens_are_text(special, plain):
    parsed, spans, texts = rollout(make_tokenizer(special, plain), ANSWER)
    assert (parsed.text, parsed.well_formed, parsed.answer) == (ANSWER, True, "CT")
    assert texts == ["The lung is clear.", " The heart is big."]
    assert spans[0][0] == (1 if TAGS[0] in special + plain else len(TAGS[0]))


def test_the_other_spelling_is_text_as_well():
    parsed, _, texts = rollout(make_tokenizer(("<thinking>", "</thinking>")), ANSWER.replace("think>", "thinking>"))
    assert parsed.well_formed and len(texts) == 2


def test_every_other_special_token_is_left_out():
    parsed, _, texts = rollout(make_tokenizer((*TAGS, "<tool_call>")), ANSWER.replace("big.", "<tool_call>big."))
    assert parsed.text == ANSWER
    assert texts == ["The lung is clear.", " The heart is <tool_call>big."]


@pytest.mark.parametrize("special", [(), TAGS])
def test_a_block_that_the_prompt_opened_has_its_steps_from_the_first_token_on(special):
    parsed, spans, texts = rollout(make_tokenizer(special), ANSWER.removeprefix("<think>"))
    assert (parsed.well_formed, parsed.answer) == (True, "CT")
    assert texts == ["The lung is clear.", " The heart is big."]
    assert spans == [(0, 18), (18, 36)]


def test_white_space_that_opens_such_a_block_leads_its_first_step():
    _, spans, texts = rollout(make_tokenizer(), "\nIt is CT.\n</think>\n\n<answer>CT</answer>")
    assert texts == ["\nIt is CT."] and spans == [(0, 10)]
