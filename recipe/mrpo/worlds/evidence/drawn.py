"""The comparison in the drawn world: each job is a real run of verl, bounded, with nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from recipe.mrpo.common.jsonl import read_jsonl
from recipe.mrpo.worlds.drawn import rows
from recipe.mrpo.worlds.drawn.measure import measure
from recipe.mrpo.worlds.drawn.training import ARMS, Settings, command
from recipe.mrpo.worlds.evidence.jobs import Comparison, Job

SEEDS = tuple(range(5))
MAIN = ("grpo", "mrpo", "gdpo", "flat", "vppo", "outcome")
COUNTS = {"train": 256, "test": 192, "shifted": 64}
TIME_LIMIT = 1500.0
QUIET = {
    "VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "VLLM_NO_USAGE_STATS": "1",
}  # fmt: skip


class Bounded(Protocol):
    """Runs a command that starts many processes and leaves none behind (quickstart/run.py)."""

    def __call__(
        self, command: Sequence[str], *, log: Path, env: Mapping[str, str], timeout: float, run_id_file: Path,
        on_line: Callable[[str], None],
    ) -> Any: ...  # fmt: skip


class RunFailed(Exception):
    """A run of verl failed; the message names its log."""


def make_start(out: Path, bounded: Bounded, say: Callable[[str], None]) -> None:
    """The start of every run, made once: `python -m recipe.mrpo.worlds.drawn`. Raises RunFailed."""
    base = out / "drawn" / "base"
    base.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "recipe.mrpo.worlds.drawn", "--out", str(base)]
    done = bounded(
        words, log=base / "log", env={**os.environ, **QUIET}, timeout=3 * TIME_LIMIT, run_id_file=base / "run_id",
        on_line=lambda line: say(line) if line.startswith("  step") else None,
    )  # fmt: skip
    if done.timed_out or done.exit_code:
        raise RunFailed(f"the start model of the drawn world was not made; log: {base / 'log'}")


def comparison(
    out: Path, bounded: Bounded, *, setting: str, arms: Sequence[str], seeds: Sequence[int],
    cascade: float, settings: Settings, lr: float | None = None, tuned_by: Comparison | None = None,
) -> Comparison:  # fmt: skip
    """Arms of drawn/training.py over seeds; a seed decides the training scenes, their order and the sampling.

    Learning rates are those of `tuned_by`: the same model and loss in a loop without verl.
    """

    def do(job: Job) -> dict[str, Any]:
        data = out / "drawn" / "data" / f"cascade{cascade:g}-seed{job.seed}"
        if not (data / "shifted.parquet").exists():  # written last
            rows.write(data, counts=COUNTS, cascade=cascade, seed=job.seed)
        run = out / "drawn" / "runs" / f"{job.setting}-{job.file(out).stem}"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        chosen = Settings(**{**vars(settings), "lr": job.lr})
        words = command(
            ARMS[job.arm], chosen, seed=job.seed, data=data, model=out / "drawn" / "base" / "start", out=run
        )
        done = bounded(
            words, log=run / "log", env={**os.environ, **QUIET, "VERL_FILE_LOGGER_PATH": str(run / "metrics.jsonl")},
            timeout=TIME_LIMIT, run_id_file=run / "run_id", on_line=lambda line: None,
        )  # fmt: skip
        if done.timed_out or done.exit_code:
            reason = f"was stopped after {TIME_LIMIT:.0f} s" if done.timed_out else f"ended with {done.exit_code}"
            raise RunFailed(f"{job.world} {job.arm} seed {job.seed} {reason}; log: {run / 'log'}")
        result = result_of(run, settings.steps)
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
        return {**result, "peak_memory_gib": round(done.peak_memory_bytes / 2**30, 2)}

    return Comparison("drawn", setting, tuple(arms), tuple(seeds), do, lr=lr, tuned_by=tuned_by)


def result_of(run: Path, steps: int) -> dict[str, Any]:
    """Rates of the validation after the last step, unseen combinations apart, and the curve of training."""
    validation = list(read_jsonl(run / "validation" / f"{steps}.jsonl"))
    unseen = [row for row in validation if shifted(row)]
    seen = [row for row in validation if not shifted(row)]
    curve = []
    for step in range(1, steps + 1):
        measured = measure(read_jsonl(run / "rollouts" / f"{step}.jsonl"))
        curve.append({"step": step, "early_rate": measured["early_rate"], "accuracy": measured["accuracy"]})
    return {
        **measure(seen),
        "shifted": measure(unseen),
        "curve": curve,
        "seconds_per_step": _median(seconds_of_steps(run / "metrics.jsonl")),
    }


def shifted(row: Mapping[str, Any]) -> bool:
    return row["mrpo"]["case"]["data_source"] == rows.SHIFTED


def seconds_of_steps(metrics: Path) -> Iterator[float]:
    for line in metrics.read_text().splitlines():
        seconds = json.loads(line)["data"].get("timing_s/step")
        if seconds is not None:
            yield float(seconds)


def _median(values: Iterator[float]) -> float | None:
    ordered = sorted(values)
    return round(ordered[len(ordered) // 2], 2) if ordered else None
