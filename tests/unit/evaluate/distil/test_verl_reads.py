"""verl's own SFT data set reads the parquet: the reply alone is learnt, and the image stands in the prompt."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from recipe.mrpo.judge.chat.reply import parse_reply
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.tiny.backbones import BACKBONES
from recipe.mrpo.tiny.tokenizer import train_tokenizer
from tests.unit.evaluate.distil.test_command import STEPS, distil, rows_of, write_run


@pytest.mark.parametrize("backbone", ["qwen2_5_vl", "qwen3_vl"])
def test_verls_sft_data_set_learns_the_reply_and_nothing_else(backbone, verl, tmp_path):
    from verl.utils import hf_processor
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    run = write_run(tmp_path / "run", rows=4)
    assert distil(run, tmp_path / "out", "--held-out", "0") == 0
    rows = rows_of(tmp_path / "out", "train")
    tiny, folder = BACKBONES[backbone], tmp_path / "model"
    words = [message["content"] for row in rows for message in row["messages"]]
    tokenizer = train_tokenizer(
        words, max_size=2000, special=tiny.special, named=tiny.named, owned=tiny.owned, max_length=8192
    )
    tiny.make_processor(tokenizer, tiny.template).save_pretrained(folder)
    tiny.make_config(tokenizer).save_pretrained(folder)
    processor = hf_processor(str(folder), trust_remote_code=False)
    config = OmegaConf.create({"max_length": 8192, "truncation": "error", "pad_mode": "no_padding"})
    data = MultiTurnSFTDataset(
        str(tmp_path / "out" / "train.parquet"), processor.tokenizer, config, processor=processor
    )
    assert len(data) == len(rows) == 4
    grades = Rubric.load("study").grades
    for row, read in zip(rows, (data[index] for index in range(len(data))), strict=True):
        learnt = processor.tokenizer.decode(read["input_ids"][read["loss_mask"].bool()], skip_special_tokens=True)
        assert json.loads(learnt) == json.loads(row["messages"][-1]["content"])
        labels = parse_reply(learnt, num_steps=3, quoted=STEPS, overall=False, grades=grades).labels
        assert labels == tuple(row["extra_info"]["labels"])
        assert read["multi_modal_inputs"]["pixel_values"].shape[0] > 0
