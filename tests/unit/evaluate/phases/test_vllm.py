"""`mrpo evaluate` with the real engine: vLLM without a GPU, tiny models of the real architectures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.evaluate.phases.data import row, write
from tests.unit.evaluate.phases.results import figures, lines

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.long


def command(out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "recipe.mrpo.evaluate", *words, "--out", str(out)]


def environment() -> dict[str, str]:
    return {**os.environ, "VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def evaluated(out: Path, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        command(out, *words), cwd=ROOT, env=environment(), text=True, capture_output=True, timeout=580, check=False
    )
    assert done.returncode == status, done.stderr[-3000:]
    return done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny Qwen2.5-VL with random weights and four questions, one with a prompt that is too long."""
    folder = tmp_path_factory.mktemp("model")
    long = row(3)
    long["prompt"][0]["content"] += " word" * 600
    data = write(folder / "test.parquet", [row(0), row(1), row(2), long])
    build = ["-m", "recipe.mrpo.tiny", "--no-warmup", "--data", str(data), "--out", str(folder / "tiny")]
    subprocess.run([sys.executable, *build], cwd=ROOT, env=environment(), check=True, capture_output=True, timeout=300)
    return folder / "tiny", data


def test_tokens_probabilities_and_failures_of_a_real_engine(model, tmp_path):
    """One run: what the engine alone can tell stands in the lines, and a prompt that is too long is counted."""
    folder, data = model
    words = ("--model", str(folder), "--data", str(data), "--samples", "2", "--sampling", "training",
             "data.max_response_length=12")  # fmt: skip
    said = evaluated(tmp_path / "out", *words, status=1)
    assert "generate: 6 of 8 done (6 now), failed: prompt_too_long x2" in said
    answers = lines(tmp_path / "out" / "generations.jsonl")
    good = [answer for answer in answers if answer["output"] is not None]
    assert len(good) == 6 and {a["failure"] for a in answers if a["output"] is None} == {"prompt_too_long"}
    for answer in good:
        assert 0 < answer["response_tokens"] <= 12
        assert len(answer["token_starts"]) == len(answer["token_ends"]) == answer["response_tokens"]
        assert max(answer["token_ends"]) == len(answer["output"])
        assert answer["finish_reason"] in ("length", "stop") and "What is shown" in answer["prompt"]
    assert len({answer["output"] for answer in good}) > 3, "samples differ"
    assert (tmp_path / "out" / "scores.json").is_file()


@pytest.mark.slow
def test_two_evaluations_of_a_model_are_the_same_and_a_killed_one_resumes_to_it(tmp_path):
    """The folder of a tiny model: answered by vLLM and judged; killed between two answers."""
    from tests.integration.verl_run import ASSETS, make_assets

    make_assets()
    model, data = str(ASSETS.model), [str(ASSETS.data / name) for name in ("train.parquet", "test.parquet")]
    words = ("--model", model, "--data", *data, "--limit", "24", "--batch", "8", "--samples", "2", "--sampling",
             "training")  # fmt: skip
    evaluated(tmp_path / "first", *words)
    evaluated(tmp_path / "second", *words)
    first = figures(tmp_path / "first")
    assert first == figures(tmp_path / "second") and len(first) == 48

    answers = tmp_path / "killed" / "generations.jsonl"
    process = subprocess.Popen(
        command(tmp_path / "killed", *words), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 400
    while not (answers.is_file() and answers.read_bytes().count(b"\n") >= 11):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert answers.read_bytes().count(b"\n") < 48
    evaluated(tmp_path / "killed", *words)
    assert figures(tmp_path / "killed") == first
