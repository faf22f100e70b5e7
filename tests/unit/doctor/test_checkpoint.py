"""A checkpoint that would lose steps is told by `mrpo doctor` and at the start of a run, in the same words."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from recipe.mrpo.doctor.checkpoint import asked_tag, try_checkpoint
from recipe.mrpo.doctor.model import check_response_format
from recipe.mrpo.startup.checkpoint import warn_of_lost_steps
from tests.unit.rollout.small_tokenizers import CHAT, TAGS, make_tokenizer

OPENS = CHAT.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
ENDS_ELSEWHERE = CHAT.replace("<|im_end|>", "<|turn|>")


@pytest.fixture
def checkpoint(tmp_path):
    """make(template, special): folder of a Qwen2.5-VL with this chat template and these special tokens."""

    def make(template=CHAT, special=(), model_type="qwen2_5_vl", **files):
        tokenizer = make_tokenizer(special)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path)
        for name, content in ({"config": {"model_type": model_type}} | files).items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return str(tmp_path)

    return make


@pytest.fixture
def prompts(tmp_path):
    """make(tag): a parquet file whose prompts ask for this tag."""

    def make(tag):
        file = tmp_path / "train.parquet"
        prompt = [
            {"role": "user", "content": f"Is it CT? Think inside <{tag}> </{tag}>, answer in <answer> </answer>."}
        ]
        pq.write_table(pa.table({"prompt": [prompt], "answer": ["yes"]}), file)
        return file

    return make


def test_a_checkpoint_that_keeps_the_answer_is_not_mentioned(checkpoint):
    assert try_checkpoint(checkpoint()) == []


@pytest.mark.parametrize(
    ("arguments", "ok", "sentence"),
    [
        ({"template": OPENS}, True, "the chat template opens <think> in the prompt"),
        ({"template": OPENS, "model_type": "qwen3_vl"}, False, "text before <thinking> is outside every block"),
        ({"special": TAGS}, True, "are special tokens of this tokenizer"),
        ({"template": ENDS_ELSEWHERE}, False, "would write on to the length limit"),
        ({"template": None}, False, "no prompt could be made"),
        ({"tokenizer": {}}, False, "cannot be loaded"),
    ],
)
def test_doctor_and_start_up_say_what_would_be_lost(checkpoint, caplog, arguments, ok, sentence):
    path = checkpoint(**arguments)
    (check,) = check_response_format(path)
    assert check.ok is ok and sentence in check.says
    with caplog.at_level(logging.WARNING):
        warn_of_lost_steps(OmegaConf.create({"actor_rollout_ref": {"model": {"path": path}}}))
    assert [record.getMessage() for record in caplog.records] == [f"actor_rollout_ref.model.path={path}: {check.says}"]


def test_the_stop_tokens_of_the_generation_config_count(checkpoint):
    end = {"eos_token_id": make_tokenizer(("<|turn|>",)).convert_tokens_to_ids(["<|turn|>"])}
    assert try_checkpoint(checkpoint(ENDS_ELSEWHERE, ("<|turn|>",), generation_config=end)) == []


def test_a_chat_template_in_a_file_of_the_processor_is_tried(checkpoint):
    (found,) = try_checkpoint(checkpoint(None, chat_template={"chat_template": OPENS}))
    assert "opens <think>" in found.says


@pytest.mark.parametrize("tag", ["think", "thinking"])
def test_the_tag_of_the_data_is_compared_with_the_backbones(checkpoint, prompts, tag):
    file = prompts(tag)
    assert asked_tag(file) == tag
    found = [finding.says for finding in try_checkpoint(checkpoint(), asked_tag(file))]
    assert len(found) == (tag == "thinking")
    assert all("the prompts of the data ask for <thinking>" in says for says in found)


def test_a_checkpoint_that_is_not_here_is_not_tried(tmp_path):
    assert try_checkpoint(str(tmp_path / "none")) == []
    assert asked_tag(tmp_path / "none.parquet") is None
