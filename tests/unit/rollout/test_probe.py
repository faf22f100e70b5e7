"""What the probe of a checkpoint says, for real tokenizers with templates of every kind."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.probe import probe_response_format
from tests.unit.rollout.small_tokenizers import CHAT, TAGS, make_tokenizer

OPENS = CHAT.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
CLOSES = CHAT.replace("assistant\n{% endif", "assistant\n<think>\n\n</think>\n\n{% endif")
PLAIN = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
WRITES_LISTS = PLAIN.replace("m.content + ", "(m.content | string) + ")
STRIPS = PLAIN.replace("m.content +", "m.content.split('</think>')[-1] +")
OTHER_END = PLAIN.replace("<|im_end|>", "</s>")


def says(tokenizer, template=CHAT, *, think_tag="think", **more) -> list[tuple[bool, str]]:
    found = probe_response_format(tokenizer, think_tag=think_tag, chat_template=template, **more)
    return [(finding.loses, finding.says) for finding in found]


@pytest.mark.parametrize("template", [CHAT, PLAIN, CLOSES, WRITES_LISTS])
@pytest.mark.parametrize("think_tag", ["think", "thinking"])
def test_nothing_is_said_of_a_checkpoint_that_keeps_the_answer(template, think_tag):
    tokenizer = make_tokenizer(plain=TAGS[:2])
    assert says(tokenizer, template, think_tag=think_tag, asked_tag=think_tag, eos="<|im_end|>") == []


@pytest.mark.parametrize(
    ("special", "template", "more", "loses", "sentence"),
    [
        pytest.param((), OPENS, {}, False, "opens <think> in the prompt", id="the template opens the block"),
        pytest.param(
            (), OPENS, {"think_tag": "thinking"}, True, "text before <thinking> is outside", id="it opens another block"
        ),
        pytest.param(TAGS, CHAT, {}, False, "<think>, </think>, <answer>, </answer> are special", id="special tags"),
        pytest.param((), STRIPS, {}, True, "fine-tuning would lose", id="the template takes the reasoning out"),
        pytest.param((), OTHER_END, {}, True, 'with "</s>", would write on', id="the turn ends with another token"),
        pytest.param((), "{{ raise_exception('no') }}", {}, True, "template fails", id="a template that raises"),
        pytest.param((), "{% if %}", {}, True, "template fails", id="a template that is not one"),
        pytest.param((), None, {}, True, "template fails", id="no template"),
        pytest.param((), CHAT, {"eos": "</s>"}, False, "ends with </s>", id="another end than the backbone's"),
        pytest.param((), CHAT, {"asked_tag": "thinking"}, False, "ask for <thinking>", id="data of another backbone"),
        pytest.param((), CHAT, {"think_tag": "reasoning"}, True, "must be think or thinking", id="a tag not read"),
    ],
)
def test_one_sentence_says_what_would_be_lost(special, template, more, loses, sentence):
    ((found_loses, found),) = says(make_tokenizer(special), template, **more)
    assert found_loses is loses
    assert sentence in found
    assert found.endswith(".")


def test_a_stop_token_of_the_generation_config_counts():
    assert says(make_tokenizer(), OTHER_END, stop_tokens=["</s>"]) == []


def test_a_tokenizer_without_byte_offsets_loses_every_rollout():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>")
    assert "no rollout could be read" in says(tokenizer)[0][1]


def test_a_tokenizer_that_drops_text_loses_steps():
    from tokenizers import normalizers

    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(">", "")
    assert "2 of 2 steps would be lost" in says(tokenizer)[0][1]
