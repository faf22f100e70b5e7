"""A real vLLM server as the judge of a real run: beside the job (`openai`), and as verl's own reward model (`router`).

A tiny model knows nothing of medicine; what is shown is that its replies, held to the schema of a verdict, become
labels, reach the actor and are counted.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe.mrpo.quickstart import processes
from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import ScriptRun, assets, rl_run
from tests.integration.verl_run import ROOT, environment

pytestmark = [pytest.mark.verl, pytest.mark.slow]

STEPS, ROLLOUTS = 2, 32
DRAWN = (  # labels of both kinds, whatever the tiny model prefers; 2 is the most that vLLM allows
    "++mrpo.judge.openai.temperature=2.0",
    "++mrpo.judge.openai.extra_body={frequency_penalty:2.0}",
)
COMPACT = '{"backend": "xgrammar", "disable_any_whitespace": true}'  # a model of noise would write blanks without end
PATIENT = "++mrpo.judge.openai.timeout_s=200"  # two cores for two vLLM servers


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def vllm_server(model: Path, folder: Path) -> Iterator[str]:
    """`vllm serve`, by the documented command for machines without a GPU; yields the base URL."""
    port, run_id = free_port(), f"judge{time.time_ns()}"
    command = [
        sys.executable, "-m", "recipe.mrpo.cpu", str(Path(sys.executable).with_name("vllm")), "serve", str(model),
        "--served-model-name", "judge", "--host", "127.0.0.1", "--port", str(port), "--enforce-eager",
        "--max-model-len", "8192", "--max-num-seqs", "8", "--dtype", "bfloat16",
        "--limit-mm-per-prompt", '{"image": 1}', "--structured-outputs-config", COMPACT,
    ]  # fmt: skip
    env = environment(VLLM_CPU_KVCACHE_SPACE="1", TORCHDYNAMO_DISABLE="1", **{processes.RUN_ID: run_id})
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 300
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None and time.monotonic() < deadline, (folder / "server.log").read_text()[
                    -3000:
                ]
                time.sleep(1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            processes.RunProcesses(run_id, session=server.pid).stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def requests_served(base_url: str) -> int:
    """Chat completions that the server has finished, from its own metrics."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    return round(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:request_success_total{")))


def check(run: ScriptRun) -> int:
    """What holds for both ways to the judge; returns the calls."""
    rows = [row for step in range(1, STEPS + 1) for row in run.rollouts(step)]
    records = [row["mrpo"] for row in rows]
    assert len(records) == STEPS * ROLLOUTS
    assert {record["judge_status"] for record in records} == {"ok"}
    assert {label for record in records for label in record["labels"]} == {0, 1}
    for record in records:
        judged = record["judge"]  # empty where there was no step to judge
        assert judged.get("calls", 0) == (1 if record["steps"] else 0)
        assert not record["steps"] or (judged["prompt_tokens"] > 1000 and judged["completion_tokens"] > 0)
    for step in range(1, STEPS + 1):
        assert deviation(run.rollouts(step), "mrpo") < 1e-4
        assert run.metrics()[step]["mrpo/judge/failures_total"] == 0
    return sum(record["judge"].get("calls", 0) for record in records)


def test_a_vllm_server_labels_the_steps_of_a_real_run(tmp_path):
    with vllm_server(assets("qwen2_5_vl").model, tmp_path) as url:
        judge = {"JUDGE_BASE_URL": url, "JUDGE_MODEL": "judge"}
        run = rl_run("qwen2_5_vl", "mrpo", tmp_path / "run", steps=STEPS, more=(*DRAWN, PATIENT), **judge)
        assert check(run) == requests_served(url)


def test_verls_reward_model_labels_the_steps_of_a_real_run(tmp_path):
    judge = tmp_path / "judge"
    shutil.copytree(assets("qwen2_5_vl").model, judge)  # another folder: verl serves it under its path
    served = {
        "enable": "True", "enable_resource_pool": "True", "nnodes": 1, "model_path": judge, "rollout.name": "vllm",
        "rollout.max_model_len": 8192, "rollout.limit_images": 1,
    }  # fmt: skip
    more = (
        *(f"reward.reward_model.{name}={value}" for name, value in served.items()),
        f"reward.custom_reward_function.path={ROOT / 'reward_fns' / 'custom_reward.py'}",
        "+reward.reward_model.rollout.engine_kwargs.vllm.structured_outputs_config="
        "{backend:xgrammar,disable_any_whitespace:true}",
        *DRAWN,
        PATIENT,
    )
    run = rl_run("qwen2_5_vl", "mrpo", tmp_path / "run", steps=STEPS, more=more, JUDGE_NAME="router")
    check(run)
