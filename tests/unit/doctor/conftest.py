"""A judge's endpoint, data, a checkpoint and `mrpo doctor` in this process: real files and ports."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest

from recipe.mrpo.cli import main
from tests.unit.rollout.small_tokenizers import CHAT, make_tokenizer

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "examples" / "data" / "vqa_rad_sample"
REPLIES = {"/v1/models": b'{"object": "list", "data": [{"id": "judge-8b", "object": "model"}]}', "/odd/models": b"[1]"}


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = REPLIES.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The training split of the sample, open questions with gold reasoning."""
    out = tmp_path_factory.mktemp("data")
    arguments = ["vqa_rad", "--source", str(SAMPLE), "--out", str(out), "--open-only", "--split", "train",
                 "--gold-reasoning", str(SAMPLE / "gold_reasoning.jsonl"), "--reasoning", "required"]  # fmt: skip
    assert main(["data", *arguments]) == 0
    return out / "train.parquet"


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory):
    """Files of a tokenizer with a chat template that keep a model answer whole."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def model(tmp_path, tokenizer_files):
    """make(model_type, without=(), **config): a folder laid out like a checkpoint of two shards."""

    def make(model_type="qwen2_5_vl", without=(), **config):
        folder = tmp_path / model_type
        folder.mkdir()
        index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
        files = {
            "config.json": {"model_type": model_type, **config},
            "preprocessor_config.json": {},
            **{file.name: file for file in tokenizer_files.iterdir()},
            "model.safetensors.index.json": index,
            "model-1.safetensors": {},
            "model-2.safetensors": {},
        }
        for name, content in files.items():
            if name not in without:
                (folder / name).write_bytes(
                    content.read_bytes() if isinstance(content, Path) else json.dumps(content).encode()
                )
        return folder

    return make


@pytest.fixture
def doctor(capsys, monkeypatch):
    """doctor(argument, …): exit status and the checks by name, in this process, without a GPU."""
    monkeypatch.setenv("VERL_PLATFORM", "cpu")

    def run(*arguments):
        capsys.readouterr()
        code = main(["doctor", *map(str, arguments), "--json"])
        return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}

    return run
