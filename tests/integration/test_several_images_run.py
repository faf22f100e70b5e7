"""Two images a row through the whole loop: data preparation, vLLM, training, judge; one real step for each backbone."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from omegaconf import OmegaConf

from data_preprocess.__main__ import main as data
from recipe.mrpo.cpu import activate
from recipe.mrpo.endpoint.image import prepare_image
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.quickstart.stages import SAMPLE
from recipe.mrpo.tiny.rows import Row, read_rows
from tests.fake_judge_server import FakeJudgeServer
from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import ScriptRun, finite, rl_run
from tests.integration.test_matrix import STUDY
from tests.integration.verl_run import ASSETS, ROOT, environment, one_at_a_time

pytestmark = [pytest.mark.verl, pytest.mark.slow]

ROWS, GROUPS, ROLLOUTS = 16, 4, 8
WARM_UP = 200
# Rows in their order, and every token of the vocabulary: probabilities of a cut distribution are not the model's.
SAMPLING = ("temperature=1.0", "top_p=1.0", "top_k=-1")
AS_IT_IS = ("data.shuffle=False", *(f"actor_rollout_ref.rollout.{word}" for word in SAMPLING))
LEAST = 0.99


def make_data(backbone: str, out: Path) -> Path:
    """Questions of the sample about the first of two images, as a user makes them from own files."""
    source = out / "source"
    gold = ("--gold-reasoning", str(SAMPLE / "gold_reasoning.jsonl"), "--reasoning", "required")
    assert data(["vqa_rad", "--source", str(SAMPLE), "--out", str(source / "one"), "--open-only", *gold]) == 0
    rows = pq.read_table(source / "one" / "train.parquet").to_pylist()[:ROWS]
    lines = []
    for number, row in enumerate(rows):
        (source / f"{number}.img").write_bytes(row["images"][0]["bytes"])
        info, other = row["extra_info"], (number + 3) % len(rows)
        fields = {"q": info["question"], "a": info["answer"], "why": info["gold_reasoning"]}
        lines.append(json.dumps({**fields, "now": f"{number}.img", "prior": f"{other}.img"}) + "\n")
    (source / "rows.jsonl").write_text("".join(lines))
    columns = {"question": "q", "answer": "a", "image": ["now", "prior"]}
    mapping = {"name": "two", "file": "rows.jsonl", "columns": columns, "optional_columns": {"gold_reasoning": "why"}}
    (source / "mapping.yaml").write_text(yaml.safe_dump(mapping))
    own = ["own", "--source", str(source), "--mapping", str(source / "mapping.yaml"), "--backbone", backbone]
    assert data([*own, "--out", str(out / "data")]) == 0
    (out / "data" / "test.parquet").write_bytes((out / "data" / "train.parquet").read_bytes())
    return out / "data"


def make_model(backbone: str, train: Path) -> Path:
    out = ASSETS.out / f"tiny-two-{backbone}"
    command = [sys.executable, "-m", "recipe.mrpo.tiny", "--backbone", backbone, "--steps", str(WARM_UP)]
    with one_at_a_time():
        subprocess.run(
            [*command, "--data", str(train), "--out", str(out)], cwd=ROOT, env=environment(), check=True, timeout=600
        )
    return out


@pytest.fixture(scope="module", params=STUDY)
def trained(request, tmp_path_factory) -> tuple[ScriptRun, FakeJudgeServer, list[Row], Path]:
    out = tmp_path_factory.mktemp(request.param)
    folder = make_data(request.param, out)
    model = make_model(request.param, folder / "train.parquet")
    with FakeJudgeServer(rule="seeded") as server:
        judge = {"JUDGE_BASE_URL": server.base_url, "JUDGE_MODEL": "fake"}
        files = {"MODEL_PATH": str(model), "DATA_DIR": str(folder)}
        run = rl_run(request.param, "mrpo", out / "run", steps=1, more=AS_IT_IS, **files, **judge)
        (run.out / "judge_requests.jsonl").write_text("".join(map(as_evidence, server.requests)))
        return run, server, read_rows(folder / "train.parquet")[:GROUPS], model


def as_evidence(request: dict) -> str:
    """The request as a line, the sha256 of each image in the place of its bytes."""
    shown = iter(hashlib.sha256(image).hexdigest() for image in sent_images(request))
    content = [
        part if part["type"] == "text" else {"image_sha256": next(shown)} for part in request["messages"][1]["content"]
    ]
    return json.dumps(content) + "\n"


def sent_images(request: dict) -> tuple[bytes, ...]:
    content = request["messages"][1]["content"]
    return tuple(
        base64.b64decode(part["image_url"]["url"].partition(",")[2]) for part in content if part["type"] == "image_url"
    )


def test_the_judge_saw_both_images_of_every_row_in_their_order(trained):
    run, server, rows, _ = trained
    pixels = load_options().judge.openai.image_max_pixels
    pairs = {row.text: tuple(prepare_image(image, pixels)[0] for image in row.images) for row in rows}
    assert all(len(pair) == 2 and pair[0] != pair[1] for pair in pairs.values())
    assert len(set(pairs.values())) > 1
    judged = [row for row in run.rollouts(1) if row["mrpo"]["steps"]]
    seen = Counter(map(sent_images, server.requests))
    assert set(seen) == set(pairs.values()) and seen.total() == len(judged)
    numbered = [part["text"] for part in server.requests[0]["messages"][1]["content"] if part["type"] == "text"]
    assert numbered[:2] == ["Image 1:", "Image 2:"]


def test_the_prompt_held_the_tokens_of_both_images(trained, verl):
    """Counted by verl in the run, and here by its data set from the rows, with both images and with the first alone."""
    from verl.utils import hf_processor
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.tokenizer import build_multimodal_processor_inputs

    run, _, rows, model = trained
    data = OmegaConf.load(run.out / "hydra" / ".hydra" / "config.yaml").data
    processor = hf_processor(str(model), trust_remote_code=False)

    def length(row: Row, count: int) -> int:
        shown = iter(row.open_images())
        entries = [dict(entry) for entry in row.messages[0]["content"]]
        for entry in [entry for entry in entries if entry["type"] == "image"]:
            entry["image"] = next(shown)
        places = [entry for entry in entries if entry["type"] == "image"][count:]
        messages = [{"role": "user", "content": [entry for entry in entries if entry not in places]}]
        patch = data.image_patch_size or getattr(processor.image_processor, "patch_size", 14)
        images, *_ = RLHFDataset._process_multi_modal_info(messages, patch, data)
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        sizes = OmegaConf.to_container(data.get("mm_processor_kwargs") or OmegaConf.create({}))
        inputs = build_multimodal_processor_inputs(processor, text=[text], images=images, mm_processor_kwargs=sizes)
        return len(inputs["input_ids"][0])

    both, one = ([length(row, count) for row in rows] for count in (2, 1))
    metrics = run.metrics()[1]
    for name, value in (("max", max(both)), ("min", min(both)), ("mean", sum(both) / len(both))):
        assert metrics[f"prompt_length/{name}"] == pytest.approx(value)
    assert all(few < many for few, many in zip(one, both, strict=True)), "the second image adds tokens"


@pytest.fixture
def verl(monkeypatch):
    """verl with the plugin, without a GPU, in this process."""
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    activate()


def test_rollout_and_training_saw_the_same_images(trained):
    """Probabilities of vLLM and of the trained model agree, which they do not if one of them misses an image."""
    run, *_ = trained
    metrics = run.metrics()[1]
    assert metrics["training/rollout_actor_probs_pearson_corr"] >= LEAST
    assert finite(metrics) and metrics["actor/grad_norm"] > 0
    assert metrics["mrpo/data/rows_too_long_total"] == 0
    assert "limit_mm_per_prompt" in run.log.read_text(errors="replace"), "vLLM was told"


def test_the_credit_is_that_of_the_formula(trained):
    run, *_ = trained
    rows = run.rollouts(1)
    assert len(rows) == GROUPS * ROLLOUTS and deviation(rows, "mrpo") < 1e-4
    assert {label for row in rows for label in row["mrpo"]["labels"] or ()} == {0, 1}
