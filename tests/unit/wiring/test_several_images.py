"""Two images a row through verl's data set, processor inputs and agent loop, for each backbone, and to the judge."""

from __future__ import annotations

import io
from types import ModuleType, SimpleNamespace

import pandas
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from data_preprocess.convert.prompts import user_prompt
from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.tiny.backbones import BACKBONES
from recipe.mrpo.tiny.rows import read_rows
from recipe.mrpo.tiny.tokenizer import train_tokenizer
from recipe.mrpo.wiring.patches.internvl import deduplicate_for_vllm

QUESTION = "What has changed since the prior image?"


def png(width: int, height: int, mirrored: bool = False) -> bytes:
    out = io.BytesIO()
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    (image.rotate(180) if mirrored else image).save(out, "PNG")
    return out.getvalue()


PICTURES = (png(64, 64), png(120, 60, mirrored=True))
PROMPT = [{"role": "user", "content": user_prompt(QUESTION, tag="think", images=2)}]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "train.parquet"
    row = {"prompt": PROMPT, "images": [{"bytes": data} for data in PICTURES], "data_source": "x"}
    row |= {"reward_model": {"style": "rule", "ground_truth": "yes"}, "extra_info": {"gold_reasoning": "It is so."}}
    pandas.DataFrame([row]).to_parquet(path)
    return path


@pytest.fixture(scope="module", params=BACKBONES)
def loaded(request, verl, file, tmp_path_factory):
    """verl's processor for a tiny model's folder, and the row as verl's data set gives it to the agent loop."""
    from verl.utils import hf_processor
    from verl.utils.dataset.rl_dataset import RLHFDataset

    tiny, folder = BACKBONES[request.param], tmp_path_factory.mktemp(request.param)
    tokenizer = train_tokenizer(
        [PROMPT[0]["content"]], max_size=500, special=tiny.special, named=tiny.named, owned=tiny.owned, max_length=8192
    )
    tiny.make_processor(tokenizer, tiny.template).save_pretrained(folder)
    tiny.make_config(tokenizer).save_pretrained(folder)
    processor = hf_processor(str(folder), trust_remote_code=False)
    config = OmegaConf.create(
        {"max_prompt_length": 1024, "filter_overlong_prompts_workers": None, "cache_dir": str(folder)}
    )
    data = RLHFDataset(str(file), processor.tokenizer, config, processor)
    assert len(data) == 1, "verl left the row out"
    return processor, data[0]["raw_prompt"], data


@pytest.fixture(scope="module")
def encoded(loaded):
    """Images as verl reads them off the messages, and the prompt's inputs as its agent loop makes them."""
    from verl.utils.tokenizer import build_multimodal_processor_inputs

    processor, messages, data = loaded
    images, *_ = data._process_multi_modal_info(messages, data.image_patch_size, data.config)
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return images, build_multimodal_processor_inputs(processor, text=[text], images=images, mm_processor_kwargs={})


def placeholder(processor) -> int:
    from verl.utils.tokenizer import get_processor_token_id

    return get_processor_token_id(processor, "image")


def alone(processor, image):
    return processor(text=[processor.image_token], images=[image], return_tensors="pt")


def test_the_prompt_holds_the_tokens_of_both_images_in_their_order(loaded, encoded):
    processor, *_ = loaded
    images, inputs = encoded
    assert len(images) == 2
    each = [alone(processor, image) for image in images]
    ids = torch.as_tensor(inputs["input_ids"])[0].tolist()
    mark = placeholder(processor)
    runs = [len(run) for run in "".join("x" if token == mark else " " for token in ids).split()]
    assert runs == [one["input_ids"][0].tolist().count(mark) for one in each]
    for name in ("pixel_values", "image_grid_thw"):
        if name in inputs:
            assert torch.equal(torch.as_tensor(inputs[name]), torch.cat([one[name] for one in each]))
    assert not torch.equal(each[0]["pixel_values"], each[1]["pixel_values"][: len(each[0]["pixel_values"])])


def test_the_trained_sequence_has_the_pixels_and_positions_of_both(loaded, encoded):
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    processor, *_ = loaded
    images, inputs = encoded
    worker = SimpleNamespace(processor=processor, tokenizer=processor.tokenizer)
    ids = torch.as_tensor(inputs["input_ids"])
    ids = torch.cat([ids, torch.tensor([[5, 6, 7]])], dim=1)  # with a response behind the prompt
    output = SimpleNamespace(multi_modal_data={"images": images}, mm_processor_kwargs={})
    found = AgentLoopWorker._compute_multi_modal_inputs(worker, output, ids[0])
    assert torch.equal(found["pixel_values"], torch.as_tensor(inputs["pixel_values"]))
    positions = AgentLoopWorker._compute_position_ids(worker, ids, torch.ones_like(ids), found, {})
    assert positions.shape[-1] == ids.shape[1]
    if positions.ndim == 3 and positions.shape[1] == 4:  # multimodal rotary positions: text, time, height, width
        marks = ids[0] == placeholder(processor)
        heights = positions[0, 2][marks].tolist()
        assert len(set(heights)) < len(heights), "the tokens of an image row share a height"
        assert positions[0, 1][marks].unique().numel() == 2, "each image stands at its own time"


def test_vllm_gets_one_placeholder_for_each_image(loaded, encoded):
    """The function of verl's vLLM server with our patch; the server's module would load vLLM."""
    from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens

    processor, *_ = loaded
    server = ModuleType("vllm_async_server")
    server.qwen2_5_vl_dedup_image_tokens = qwen2_5_vl_dedup_image_tokens
    deduplicate_for_vllm(server)
    ids = torch.as_tensor(encoded[1]["input_ids"])[0].tolist()
    sent = server.qwen2_5_vl_dedup_image_tokens(ids, processor)
    assert list(sent).count(placeholder(processor)) == 2


def test_the_judge_gets_both_images_in_the_order_of_the_prompt(loaded):
    _, messages, _ = loaded
    assert [data for data, _ in Images.of_prompt(messages).read] == list(PICTURES)


def test_the_tiny_model_is_taught_with_both(file):
    (row,) = read_rows(file)
    assert row.images == PICTURES and "<image>" not in row.text
    kinds = [entry["type"] for entry in row.messages[0]["content"]]
    assert kinds == ["text", "image", "text", "image", "text"]


def test_supervised_fine_tuning_learns_the_turn_behind_both_images(loaded, tmp_path):
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    processor, *_ = loaded
    turn = {"role": "assistant", "content": "<think>It is so.</think><answer>yes</answer>"}
    row = {"messages": [*PROMPT, turn], "images": [{"bytes": data} for data in PICTURES]}
    pandas.DataFrame([row]).to_parquet(tmp_path / "sft.parquet")
    config = OmegaConf.create({"max_length": 2048, "truncation": "error", "pad_mode": "no_padding"})
    learnt = MultiTurnSFTDataset(str(tmp_path / "sft.parquet"), processor.tokenizer, config, processor=processor)[0]
    ids = learnt["input_ids"]
    assert processor.tokenizer.decode(ids[learnt["loss_mask"].bool()]).startswith(turn["content"])
    marks = ids == placeholder(processor)
    runs = int((marks[1:] & ~marks[:-1]).sum() + marks[0])
    assert runs == 2
