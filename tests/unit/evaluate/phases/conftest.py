"""A model server, and `mrpo evaluate` on six questions with it as model and judge."""

from __future__ import annotations

import pytest

from recipe.mrpo.evaluate.phases.command import main
from tests.unit.evaluate.phases.data import row, write
from tests.unit.evaluate.phases.model_server import ModelServer


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def evaluate(tmp_path, server):
    """evaluate(words…): the exit status of `mrpo evaluate` on six questions, with this server as model and judge."""
    data = write(tmp_path / "test.parquet", [row(n) for n in range(6)])

    def run(*words: str, url: str | None = None, out: str = "out", judge: bool = True) -> int:
        judged = [f"mrpo.judge.openai.base_url={server.url}", "mrpo.judge.name=openai", "mrpo.judge.openai.model=j"]
        return main([
            "--base-url", url or server.url, "--model", "m", "--data", str(data), "--out", str(tmp_path / out),
            "--retries", "0", *(judged if judge else []), "mrpo.judge.openai.max_retries=0",
            *words,
        ])  # fmt: skip

    run.out = tmp_path / "out"
    run.data = data
    return run
