"""Command line of the quickstart: data, tiny model, training, export, summary."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from recipe.mrpo.quickstart import process, stages
from recipe.mrpo.quickstart.progress import Progress


def say(text: str) -> None:
    print(text, flush=True)


class Failed(Exception):
    """A stage did not end well; the message says which and where its log is."""


class Quickstart:
    """Runs the stages in order; what exists is reused."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.layout = args, stages.Layout(args.out)
        self.log = args.out / "quickstart.log"
        self.result: dict[str, object] = {"stages": {}, "peak_memory_bytes": 0}

    def stage(
        self, title: str, command: list[str], *, env: dict[str, str] | None = None, on_line: Callable | None = None
    ):
        say(f"\n{title}")
        progress = on_line or (lambda line: None)
        first_error = Progress(0, lambda text: None)

        def each(line: str) -> None:
            first_error(line)
            progress(line)

        finished = process.run(
            command,
            log=self.log,
            env={**os.environ, "VERL_PLATFORM": "cpu", **(env or {})},
            timeout=self.args.timeout,
            run_id_file=self.args.out / ".run_id",
            on_line=each,
        )
        self.result["stages"][title] = round(finished.seconds, 1)
        self.result["peak_memory_bytes"] = max(self.result["peak_memory_bytes"], finished.peak_memory_bytes)
        if finished.timed_out:
            raise Failed(f"stopped after {self.args.timeout:g} s (--timeout); its log is {self.log}")
        if finished.exit_code:
            raise Failed(
                f"exit code {finished.exit_code}: {first_error.first_error or 'no error line'}; log: {self.log}"
            )
        say(f"  done in {finished.seconds:.0f} s")

    def data(self) -> None:
        if (self.layout.data / "train.parquet").exists():
            say(f"\nData: {self.layout.data} exists")
        else:
            self.stage("Data: the VQA-RAD sample as parquet", stages.data_command(self.layout))

    def model(self) -> None:
        command = stages.model_command(self.layout, self.args.seed)
        if (self.layout.model / "config.json").exists():
            say(f"\nModel: {self.layout.model} exists")
        else:
            self.stage("Model: a tiny Qwen2.5-VL that answers in steps (a minute)", command)

    def training(self) -> None:
        steps, last = self.args.steps, self.layout.last_step()
        command = stages.training_command(self.layout, steps=steps, seed=self.args.seed, extra=self.args.overrides)
        if last >= steps:
            say(f"\nTraining: finished before, at step {last}; --fresh trains anew")
            return
        start = f" from the checkpoint of step {last}" if last else ""
        say(f"\nTraining{start}; the same by hand:\n\n  VERL_PLATFORM=cpu {stages.as_typed(command)}")
        self.layout.metrics.mkdir(exist_ok=True)
        metrics = self.layout.metrics / f"from_step_{last}_{int(time.time())}.jsonl"
        progress = Progress(steps, say)
        self.stage("Training", command, env={"VERL_FILE_LOGGER_PATH": str(metrics)}, on_line=progress)

    def export(self) -> None:
        if (self.layout.export / "config.json").exists():
            say(f"\nExport: {self.layout.export} exists")
            return
        self.stage(
            "Export: the checkpoint in Hugging Face format", stages.export_command(self.layout, self.layout.last_step())
        )

    def run(self) -> int:
        if self.args.fresh:
            for folder in ("checkpoints", "rollouts", "validation", "metrics", "export", "hydra"):
                shutil.rmtree(self.args.out / folder, ignore_errors=True)
        self.args.out.mkdir(parents=True, exist_ok=True)
        stopped = process.clean_up_previous(self.args.out / ".run_id")
        if stopped:
            say(f"stopped {stopped} processes of an attempt that had been killed")
        code = 0
        try:
            for stage in (self.data, self.model, self.training, self.export):
                stage()
        except Failed as error:
            say(f"\nquickstart failed: {error}")
            code = 1
        except KeyboardInterrupt:
            say("\nstopped; the next start goes on at the last checkpoint")
            code = 130
        self.result["exit_code"] = code
        if self.result["stages"] or code:
            (self.args.out / "result.json").write_text(json.dumps(self.result, indent=2) + "\n")
        if code == 0:
            from recipe.mrpo.report.summary import show

            show(self.args.out)
            if self.result["stages"]:
                took = ", ".join(
                    f"{name.split(':')[0]} {seconds:g} s" for name, seconds in self.result["stages"].items()
                )
                say(f"\n{took}; peak memory of all processes {self.result['peak_memory_bytes'] / 2**30:.1f} GiB")
            say(
                "\n".join(
                    [
                        f"trained model: {self.layout.export}",
                        f"rollouts:      {self.args.out / 'rollouts'}",
                        f"log:           {self.log}",
                    ]
                )
            )
        return code


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.quickstart",
        description="Train a tiny Qwen2.5-VL with MRPO through real verl, on a machine without a GPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart"), help="folder of the run")
    parser.add_argument("--steps", type=int, default=3, help="training steps")
    parser.add_argument("--seed", type=int, default=0, help="of the tiny model and the order of the data")
    parser.add_argument("--timeout", type=float, default=900, help="seconds after which a stage is stopped")
    parser.add_argument("--fresh", action="store_true", help="train anew; data and tiny model are kept")
    parser.add_argument("overrides", nargs="*", help="further overrides of verl, e.g. +mrpo.tau=0.5")
    args = parser.parse_args()
    if args.steps < 1:
        parser.error("--steps must be at least 1")
    args.out = args.out.resolve()
    os.chdir(Path(__file__).resolve().parents[3])  # the sample data lies in the checkout
    return Quickstart(args).run()


if __name__ == "__main__":
    sys.exit(main())
