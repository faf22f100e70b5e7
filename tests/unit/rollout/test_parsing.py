"""What `parse` finds in a completion: think blocks, the answer, and whether the format is the one asked for."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.steps import parse


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        pytest.param("<think>a b</think>", ["a b"], id="one block"),
        pytest.param("x<think>a</think>y<THINKING>b</THINKING>z", ["a", "b"], id="two blocks, two spellings"),
        pytest.param("<think></think>", [""], id="empty block"),
        pytest.param("<think>a<answer>b</answer>", ["a"], id="answer ends the block"),
        pytest.param("a</think>", ["a"], id="the prompt opened the block"),
        pytest.param("a</THINKING>b", ["a"], id="the same with the other spelling"),
        pytest.param("a</think>b</think>", ["a"], id="the first closing tag ends it"),
        pytest.param("a</think><think>b</think>", ["a", "b"], id="a second block of the model's own"),
        pytest.param("<answer>a</answer>b</think>", [], id="after an answer a closing tag opens nothing"),
        pytest.param("a</answer>b</think>", [], id="after a closing answer tag neither"),
        pytest.param("abc", [], id="no tag"),
    ],
)
def test_think_spans_exclude_the_tags(text, blocks):
    assert [text[a:b] for a, b in parse(text).think] == blocks


@pytest.mark.parametrize(
    ("text", "answer", "closed"),
    [
        pytest.param("<answer>yes</answer>", "yes", True, id="plain"),
        pytest.param("<answer>\n yes \n</answer>", "yes", True, id="stripped"),
        pytest.param("<ANSWER>Yes</Answer>", "Yes", True, id="tags in any case, the text as it is"),
        pytest.param("<answer>a</answer> or <answer>b</answer>", "b", True, id="the last block counts"),
        pytest.param("<answer>ye", "ye", False, id="never closed"),
        pytest.param("<answer>a</answer><answer>b", "b", False, id="the last one never closed"),
        pytest.param("<answer></answer>", "", True, id="empty is not missing"),
        pytest.param("yes</answer>", None, False, id="no opening tag: no answer"),
        pytest.param("yes", None, False, id="no tag: no answer"),
        pytest.param("<think>a</think>", None, False, id="think only"),
        pytest.param("<think>a <answer>b</answer>", "b", True, id="inside an unclosed think"),
        pytest.param("<answer>2 < 3 > 1</answer>", "2 < 3 > 1", True, id="angle brackets are text"),
    ],
)
def test_answer_is_the_last_block(text, answer, closed):
    parsed = parse(text)
    assert (parsed.answer, parsed.answer_closed) == (answer, closed)


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        pytest.param("<think>a", True, id="never closed"),
        pytest.param("<think>a</think>", False, id="closed"),
        pytest.param("<think>a</think><think>b", True, id="the second never closed"),
        pytest.param("<think>a<answer>b</answer>", False, id="closed by an answer"),
        pytest.param("a", False, id="no block"),
    ],
)
def test_the_block_that_the_text_ends_in_is_told_apart(text, is_open):
    assert (parse(text).open_think is not None) is is_open


@pytest.mark.parametrize(
    ("text", "well_formed"),
    [
        pytest.param("<think>a</think><answer>b</answer>", True, id="the format asked for"),
        pytest.param(" <think>a</think>\n\n<answer>b</answer>\n", True, id="space outside"),
        pytest.param("<thinking>a</thinking><answer>b</answer>", True, id="the other spelling"),
        pytest.param("a</think><answer>b</answer>", True, id="the prompt opened the block"),
        pytest.param("\na\n</think>\n\n<answer>b</answer>", True, id="the same with space"),
        pytest.param("</think><answer>b</answer>", False, id="the prompt opened the block and nothing is in it"),
        pytest.param("a</think>b</think><answer>c</answer>", False, id="closed twice"),
        pytest.param("Hi <think>a</think><answer>b</answer>", False, id="text before"),
        pytest.param("<think>a</think> so <answer>b</answer>", False, id="text between"),
        pytest.param("<think>a</think><answer>b</answer>.", False, id="text after"),
        pytest.param("<answer>b</answer><think>a</think>", False, id="wrong order"),
        pytest.param("<think>a</think>", False, id="no answer"),
        pytest.param("<answer>b</answer>", False, id="no think"),
        pytest.param("<think>a</think><answer> </answer>", False, id="empty answer"),
        pytest.param("<think>a</think><answer>b", False, id="answer never closed"),
        pytest.param("<think>a<answer>b</answer>", False, id="think closed by the answer only"),
        pytest.param("<think>a</think><think>a</think><answer>b</answer>", False, id="two think blocks"),
        pytest.param("<think>a</think><answer>b</answer><answer>c</answer>", False, id="two answers"),
        pytest.param("<think>a</think></think><answer>b</answer>", False, id="stray closing tag"),
        pytest.param("<think>a<think>b</think><answer>b</answer>", False, id="think inside think"),
        pytest.param("", False, id="empty text"),
    ],
)
def test_well_formed_is_exactly_the_format_asked_for(text, well_formed):
    assert parse(text).well_formed is well_formed


def test_parsed_keeps_the_text_untouched():
    text = " <think>Ünï 肺\u200b\r\n</think>\x00"
    assert parse(text).text == text
