"""Real runs of the example scripts on CPU, as a user types them: variables, script, a few overrides."""

from __future__ import annotations

import functools
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.quickstart import run as bounded
from recipe.mrpo.quickstart import stages
from recipe.mrpo.report.run_files import dump
from tests.integration.verl_run import ASSETS, ROOT, environment, one_at_a_time


@dataclass(frozen=True)
class Assets:
    """Rows with a backbone's prompt, the same as chat messages for SFT, and a tiny model of its architecture."""

    data: Path
    model: Path

    @property
    def sft(self) -> Path:
        return self.data / "sft"


@functools.cache
def assets(backbone: str) -> Assets:
    """Made anew in each test run; the model, a minute's work, only if the data or its builder have changed."""
    made = Assets(ASSETS.out / f"data-{backbone}", ASSETS.out / f"tiny-{backbone}")
    rows = [
        sys.executable, "-m", "data_preprocess.vqa_rad", "--source", str(stages.SAMPLE), "--open-only",
        "--gold-reasoning", str(stages.SAMPLE / "gold_reasoning.jsonl"), "--backbone", backbone,
    ]  # fmt: skip
    model = [sys.executable, "-m", "recipe.mrpo.tiny", "--backbone", backbone, "--seed", "0"]
    with one_at_a_time():
        for command in (
            [*rows, "--out", str(made.data)],
            [*rows, "--sft", "--reasoning", "required", "--out", str(made.sft)],
            [*model, "--data", str(made.data / "train.parquet"), "--out", str(made.model)],
        ):
            subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=600)
    return made


@dataclass
class ScriptRun:
    """One run of `examples/<script>` with its files in `out`."""

    script: str
    out: Path
    variables: dict[str, str]
    arguments: tuple[str, ...] = ()
    finished: bounded.Finished | None = None

    @property
    def log(self) -> Path:
        return self.out / "log"

    def go(self, *, timeout: float) -> ScriptRun:
        """Run to the end, bounded; raises AssertionError with the end of the log if it fails."""
        self.out.mkdir(parents=True, exist_ok=True)
        variables = {"LOGGER": '["console","file"]', "OUTPUT_DIR": str(self.out), **self.variables}
        path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
        metrics = self.out / "metrics" / "run.jsonl"
        metrics.parent.mkdir(exist_ok=True)
        with one_at_a_time():
            self.finished = bounded.run(
                ["bash", str(ROOT / "examples" / self.script), f"hydra.run.dir={self.out / 'hydra'}", *self.arguments],
                log=self.log,
                env=environment(PATH=path, VERL_FILE_LOGGER_PATH=str(metrics), **variables),
                timeout=timeout,
                run_id_file=self.out / ".run_id",
                on_line=lambda line: None,
            )
        assert self.finished.exit_code == 0 and not self.finished.timed_out, f"{self.finished}\n{self.tail()}"
        return self

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def metrics(self) -> dict[int, dict[str, float]]:
        lines = [json.loads(line) for line in (self.out / "metrics" / "run.jsonl").read_text().splitlines()]
        merged: dict[int, dict[str, float]] = {}
        for line in lines:
            merged.setdefault(line["step"], {}).update(line["data"])
        return merged

    def rollouts(self, step: int) -> list[dict]:
        return dump(self.out, "rollouts", step)


REAL_STEPS = (  # sizes for two cores
    "data.train_batch_size=4",
    "data.max_response_length=128",
    "actor_rollout_ref.rollout.n=8",
    "actor_rollout_ref.actor.optim.lr=1e-4",
    "trainer.val_before_train=False",
    "trainer.test_freq=-1",
    "trainer.save_freq=-1",
    "trainer.resume_mode=disable",
    "+ray_kwargs.ray_init.address=local",
)


def rl_run(backbone: str, method: str, out: Path, *, steps: int, more: tuple[str, ...] = (), **variables) -> ScriptRun:
    """`METHOD=... bash examples/run_mrpo_<backbone>.sh` for a few steps on the tiny model of that backbone."""
    given = {"METHOD": method, **variables}
    if not {"MODEL_PATH", "DATA_DIR"} <= set(variables):
        made = assets(backbone)
        given = {"MODEL_PATH": str(made.model), "DATA_DIR": str(made.data), **given}
    arguments = (*REAL_STEPS, f"trainer.total_training_steps={steps}", *more)
    return ScriptRun(f"run_mrpo_{backbone}.sh", out, given, arguments).go(timeout=1500)


def sft_run(backbone: str, out: Path, *, steps: int) -> ScriptRun:
    """`METHOD=sft bash examples/run_mrpo_<backbone>.sh` for a few steps."""
    made = assets(backbone)
    given = {"METHOD": "sft", "MODEL_PATH": str(made.model), "SFT_DATA_DIR": str(made.sft)}
    arguments = (f"trainer.total_training_steps={steps}", "optim.lr=1e-4")
    return ScriptRun(f"run_mrpo_{backbone}.sh", out, given, arguments).go(timeout=1500)


def finite(metrics: dict[str, float]) -> bool:
    return all(math.isfinite(v) for v in metrics.values() if isinstance(v, float))
