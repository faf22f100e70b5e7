"""verl's own RLHFDataset loads the files of all datasets, with each backbone's processor (tiny models, offline)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.unit.data.helpers import GOLD, ROOT, SAMPLES, VQA_RAD, draw, hf_image, read_rows, run, write_hf

LOAD = """
import json, sys
from omegaconf import OmegaConf
import verl
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn
from verl.utils.tokenizer import hf_processor, hf_tokenizer

model, cache, *files = sys.argv[1:]
processor, tokenizer = hf_processor(model), hf_tokenizer(model)
config = OmegaConf.create({
    "image_key": "images", "cache_dir": cache, "max_prompt_length": 4096,
    "filter_overlong_prompts": True, "filter_overlong_prompts_workers": 1,
})
out = {"processor": type(processor).__name__, "rows": []}
data = RLHFDataset(files, tokenizer=tokenizer, config=config, processor=processor)
for index in range(len(data)):
    row = data[index]
    image, text = row["raw_prompt"][0]["content"]
    image["image"].convert("RGB")
    gold, name = row["reward_model"]["ground_truth"], row["extra_info"]["image_id"]
    out["rows"].append([row["data_source"], text["text"], gold, name])
collate_fn([data[0], data[len(data) - 1]])
print("RESULT" + json.dumps(out))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One file of each dataset, from real records where they are shipped and from made ones elsewhere."""
    base = tmp_path_factory.mktemp("verl")
    run("vqa_rad", VQA_RAD, base / "vqa_rad", "--open-only", "--gold-reasoning", GOLD)
    run("slake", SAMPLES / "slake", base / "slake", "--language", "en", "zh")
    run("vqa_med_2019", SAMPLES / "vqa_med_2019", base / "vqa_med_2019")
    rows = [json.loads(line) for line in (SAMPLES / "pathvqa" / "hf_rows.jsonl").read_text().splitlines()]
    content = [
        {"image": hf_image(draw("JPEG"), row["image_file"]), "question": row["question"], "answer": row["answer"]}
        for row in rows
    ]
    write_hf(base / "in_pathvqa", "data/test-00000-of-00001.parquet", content)
    run("pathvqa", base / "in_pathvqa", base / "pathvqa")
    odd = ["LA", "P", "CMYK", "1"]  # kinds of images that are odd
    made = [
        {
            "image": hf_image(draw("TIFF" if mode == "CMYK" else "PNG", mode=mode)),
            "query": f"What is {mode}?",
            "answer": "x",
        }
        for mode in odd
    ]
    write_hf(base / "in_pmc", "data/test-00000-of-00001.parquet", made)
    run("pmc_vqa", base / "in_pmc", base / "pmc_vqa")
    return base, sorted(path for path in base.glob("*/*.parquet"))


SFT = """
import json, sys
from omegaconf import OmegaConf
import verl
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset
from verl.utils.tokenizer import hf_processor, hf_tokenizer

model, file = sys.argv[1:]
processor, tokenizer = hf_processor(model), hf_tokenizer(model)
config = OmegaConf.create({"max_length": 4096, "truncation": "error", "pad_mode": "no_padding"})
data = MultiTurnSFTDataset(file, tokenizer, config, processor=processor)
rows = [data[index] for index in [*range(len(data)), 0]]  # the first one again: an epoch later
print("RESULT" + json.dumps([tokenizer.decode(row["input_ids"][row["loss_mask"].bool()]) for row in rows]))
"""


def environment(tmp_path):
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "recipe" / "mrpo" / "cpu" / "shim"), str(ROOT)]),
        "VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "datasets"),
    }  # fmt: skip


def tiny(backbone, train, tmp_path):
    build = [sys.executable, "-m", "recipe.mrpo.tiny", "--backbone", backbone, "--no-warmup", "--data", str(train)]
    out = str(tmp_path / "tiny")
    env = environment(tmp_path)
    subprocess.run([*build, "--out", out], env=env, check=True, timeout=900, capture_output=True, cwd=ROOT)
    return out


def result_of(command, tmp_path):
    env = environment(tmp_path)
    done = subprocess.run(command, env=env, timeout=400, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).removeprefix("RESULT")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["qwen2_5_vl", "qwen3_vl"]
)  # verl 0.9.1's SFT dataset cannot take InternVL's processor
def test_verl_trains_the_assistant_turns_of_sft_files(files, tmp_path, backbone):
    base, _ = files
    run("vqa_rad", VQA_RAD, tmp_path / "sft", "--gold-reasoning", GOLD, "--sft", "--limit", "6", "--backbone", backbone)
    file = tmp_path / "sft" / "train.parquet"
    model = tiny(backbone, base / "vqa_rad" / "train.parquet", tmp_path)
    learnt = result_of([sys.executable, "-c", SFT, model, str(file)], tmp_path)
    wanted = [row["messages"][1]["content"] for row in read_rows(file)]
    assert [text.split("<|im_end|>")[0] for text in learnt] == [*wanted, wanted[0]]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["qwen2_5_vl", "qwen3_vl", "internvl3"])
def test_verl_loads_every_file_with_the_processor_of_each_backbone(files, tmp_path, backbone):
    base, paths = files
    model = tiny(backbone, base / "vqa_rad" / "train.parquet", tmp_path)
    command = [sys.executable, "-c", LOAD, model, str(tmp_path / "cache"), *map(str, paths)]
    result = result_of(command, tmp_path)
    expected = [
        [row["data_source"], row["prompt"][0]["content"].removeprefix("<image>"), row["reward_model"]["ground_truth"],
         row["extra_info"]["image_id"]]
        for path in paths for row in read_rows(path)
    ]  # fmt: skip
    assert result["rows"] == expected  # no row was filtered or changed, and files of all datasets can be joined
    assert len({row[0] for row in expected}) == 5 and result["processor"].lower().startswith(backbone[:4])
