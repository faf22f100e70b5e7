"""The contract test against a verl in which names and behaviours were broken: one clear sentence for each.

`make upstream-check` runs tests/upstream against any installed verl; here against a changed copy of the installed one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REWARD_BASE = "experimental/reward_loop/reward_manager/base.py"
SYNC = "workers/rollout/vllm_rollout/bucketed_weight_transfer.py"

# File of verl, pattern, what it becomes, the sentence that the contract test must say.
BROKEN = [
    (
        "trainer/ppo/core_algos.py", r"\bregister_adv_est\b", "register_estimator",
        "verl.trainer.ppo.core_algos has no register_adv_est, so algorithm.adv_estimator=mrpo is unknown, and gdpo is "
        "verl's own.",
    ),
    (
        "trainer/ppo/v1/trainer_base.py", r"\b_compute_advantage\(", "_advantages_of(",
        "verl.trainer.ppo.v1.trainer_base has no PPOTrainer._compute_advantage, so step labels do not reach the "
        "estimator, and there are no metrics and no steps in the dumps.",
    ),
    (
        REWARD_BASE, r"def run_single\(self, data\b", "def run_single(self, rollout",
        "reward_manager.base:RewardManagerBase.run_single takes (self, rollout: DataProto), not (self, data), so "
        "reward.reward_manager.name=mrpo is unknown, so no step has a label.",
    ),
    (
        SYNC, None, None,
        "there is no module verl.workers.rollout.vllm_rollout.bucketed_weight_transfer, so a rollout engine that died "
        "during the weight sync hangs the job.",
    ),
    (
        "__init__.py", r'group="verl\.plugins"', 'group="verl.extensions"',
        "no longer true of verl: verl loads plugins from the entry point group verl.plugins.",
    ),
    (
        "trainer/ppo/v1/agent_loop_tq.py", r'f"\{uid\}_\{session_id\}_\{i\}"', 'f"{uid}/{session_id}/{i}"',
        "no longer true of verl.trainer.ppo.v1.agent_loop_tq: a row's key is {uid}_{session}_{output}.",
    ),
    (
        "trainer/ppo/v1/trainer_separate_async.py", r"flush=True,?", "",
        "the separate_async trainer passes no flush to its logger: see whether async_log_call.py can be deleted",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def broken_verl(tmp_path_factory) -> Path:
    """A folder with a package `verl` in which all of BROKEN is broken; sources only."""
    found = find_spec("verl")
    if found is None or found.origin is None:
        pytest.skip("verl is not installed")
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(Path(found.origin).parent, folder / "verl", ignore=shutil.ignore_patterns("__pycache__"))
    for name, pattern, new, _ in BROKEN:
        file = folder / "verl" / name
        if pattern is None:
            file.unlink()
            continue
        text, changes = re.subn(pattern, lambda match, new=new: new, file.read_text())
        assert changes, f"{name} has nothing to break: {pattern}"
        file.write_text(text)
    return folder


@pytest.fixture(scope="module")
def said(broken_verl) -> str:
    """All that the contract test says of it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(broken_verl), str(ROOT)]), "COLUMNS": "2000"}
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "--tb=no", "-rf"]
    done = subprocess.run(
        [*command, "tests/upstream"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize(("name", "pattern", "new", "sentence"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_name_is_one_clear_sentence(said, name, pattern, new, sentence):
    lines = [line for line in said.splitlines() if sentence in line]
    assert lines, f"{sentence}\n---\n{said}"
    assert all(line.startswith("FAILED") for line in lines)


@pytest.mark.long
def test_nothing_else_is_reported(said):
    """Every red line is about a place that was broken."""
    about = (
        "core_algos",
        "_compute_advantage",
        "run_single",
        "bucketed_weight_transfer",
        "verl.plugins",
        "uid",
        "flush",
    )
    red = [line for line in said.splitlines() if line.startswith("FAILED")]
    assert red and all(any(word in line for word in about) for line in red), "\n".join(red)
