"""Command line of the quickstart: data, tiny model, training, export, summary."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.one_process import Busy, only_one
from recipe.mrpo.common.signals import Stopped, signals_stop
from recipe.mrpo.quickstart import run, stages
from recipe.mrpo.quickstart.progress import Progress
from recipe.mrpo.quickstart.state import State

# A tiny model needs no hub, and a first try no reports to the makers of the parts.
QUIET = {"VERL_PLATFORM": "cpu", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "VLLM_NO_USAGE_STATS": "1"}


def say(text: str) -> None:
    print(text, flush=True)


class Failed(Exception):
    """A stage failed; the message names the reason and the log."""


class Quickstart:
    """Runs the stages in order; existing results are reused."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.layout = args, stages.Layout(args.out)
        self.log, self.run_id_file = args.out / "quickstart.log", args.out / ".run_id"
        self.state = State()

    def run(self) -> int:
        """All stages and the summary; returns the exit code."""
        self.args.out.mkdir(parents=True, exist_ok=True)
        try:
            with only_one(self.args.out), signals_stop():
                return self._run()
        except Busy as error:
            say(f"quickstart: {error}")
            return 2

    def _run(self) -> int:
        left = run.clean_up_previous(self.run_id_file)
        if left:
            say(f"stopped {left} processes of an attempt that had been killed")
        self.state = State.read(self.args.out)
        self.state.exit_code = None
        if self.args.fresh:
            self._forget_training()
        try:
            for stage in (self.data, self.model, self.training, self.export, self.learning):
                stage()
            code = 0
        except Failed as error:
            say(f"\nquickstart failed: {error}")
            code = 1
        except Stopped as stop:
            say(f"\n{stop}: stopped, nothing is left running; the next start continues at the last checkpoint")
            code = stop.code
        self.state.exit_code = code
        self.state.write(self.args.out)
        if code == 0:
            self.summary()
        return code

    def data(self) -> None:
        made_from = stages.digest(*sorted(stages.SAMPLE.glob("*.json*")), "open-only")
        if (self.layout.data / "train.parquet").exists() and self.state.made_from.get("data") == made_from:
            say(f"\nData: {self.layout.data} is there already")
            return
        self._stage("data", "Data: the VQA-RAD sample as parquet", stages.data_command(self.layout))
        self.state.made_from["data"] = made_from

    def model(self) -> None:
        if stages.model_is_current(self.layout, self.args.seed):
            say(f"\nModel: {self.layout.model} is there already")
            return
        title = "Model: a tiny Qwen2.5-VL, warmed up until it answers in steps (about a minute)"
        self._stage("model", title, stages.model_command(self.layout, self.args.seed))

    def training(self) -> None:
        steps, last = self.args.steps, self.layout.last_step()
        command = stages.training_command(self.layout, steps=steps, seed=self.args.seed, extra=self.args.overrides)
        made_from = stages.digest(
            self.layout.data / "train.parquet", self.layout.model / "tiny_model.json",
            self.args.seed, list(self.args.overrides),
        )  # fmt: skip
        if last and self.state.made_from.get("training") != made_from:
            raise Failed(
                f"{self.layout.checkpoints} was trained with another model, seed or override; "
                "add --fresh to train anew, or give another --out"
            )
        if last >= steps:
            say(f"\nTraining: finished before, at step {last}; add --fresh to train anew (make quickstart FRESH=1)")
            return
        self.state.made_from["training"] = made_from
        self.state.write(self.args.out)  # now, so that a killed run is known when it is taken up again
        self.layout.metrics.mkdir(exist_ok=True)
        # verl starts the file anew at every start, hence one for each.
        metrics = self.layout.metrics / f"{time.time_ns()}-from-step-{last}.jsonl"
        env = {"VERL_PLATFORM": "cpu", "VERL_FILE_LOGGER_PATH": str(metrics)}
        typed = stages.as_typed(command, env)
        (self.args.out / "train.sh").write_text(f"#!/bin/sh\n# What the quickstart ran for you.\n{typed}\n")
        start = f", from the checkpoint of step {last}" if last else ""
        say(f"\nTraining{start}: real verl; by hand it is\n\n  {typed}\n")
        self._stage("training", None, command, env=env, on_line=Progress(steps, say))
        if self.layout.last_step() < steps:
            raise Failed(f"verl ended without an error before step {steps}; log: {self.log}")

    def export(self) -> None:
        step = self.layout.last_step()
        made_from = stages.digest(self.state.made_from["training"], step)
        if (self.layout.export / "config.json").exists() and self.state.made_from.get("export") == made_from:
            say(f"\nExport: {self.layout.export} is there already")
            return
        title = f"Export: the checkpoint of step {step} in Hugging Face format"
        self._stage("export", title, stages.export_command(self.layout, step))
        self.state.made_from["export"] = made_from

    def learning(self) -> None:
        made_from = stages.digest(*sorted(stages.CHAIN.glob("*.py")))
        if self.layout.learning.exists() and self.state.made_from.get("learning") == made_from:
            return
        title = "Learning: the same step credit in a made-up world that takes seconds (recipe/mrpo/worlds/chain)"
        self._stage("learning", title, stages.learning_command(self.layout))
        self.state.made_from["learning"] = made_from

    def summary(self) -> None:
        from recipe.mrpo.report.terminal import show
        from recipe.mrpo.worlds.chain.curve import lines

        say("")
        show(self.args.out)
        say("\nLearning in the chain world, made-up scenes and a policy of 5,000 weights (docs/evidence.md)\n")
        say("\n".join(f"  {line}" for line in lines(json.loads(self.layout.learning.read_text()))))
        steps = self.args.steps
        say(f"  Too short to improve: the {steps} steps on VQA-RAD above. They show every part of real verl at work.")
        took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.state.seconds.items())
        say(f"\n{took}; peak memory of all processes together {self.state.peak_memory_bytes / 2**30:.1f} GiB")
        for name, path in (
            ("trained model", self.layout.export),
            ("rollouts", self.args.out / "rollouts"),
            ("log", self.log),
        ):
            say(f"{name:14} {path}")
        say(f"again          python -m recipe.mrpo.report {self.args.out}")
        say(f"as a page      python -m recipe.mrpo.report {self.args.out} --html {self.args.out / 'report.html'}")

    def _stage(
        self,
        name: str,
        title: str | None,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        if title:
            say(f"\n{title}")
        progress = on_line or Progress(0, say)
        finished = run.run(
            command,
            log=self.log,
            env={**os.environ, **QUIET, **(env or {})},
            timeout=self.args.timeout,
            run_id_file=self.run_id_file,
            on_line=progress,
        )
        self.state.peak_memory_bytes = max(self.state.peak_memory_bytes, finished.peak_memory_bytes)
        if finished.timed_out:
            raise Failed(f"{name} stopped after {self.args.timeout:g} s (--timeout); log: {self.log}")
        if finished.exit_code:
            reason = progress.first_error or "no line of the log names an error"
            raise Failed(f"{name} ended with exit code {finished.exit_code}: {reason}\nlog: {self.log}")
        self.state.seconds[name] = round(finished.seconds, 1)
        self.state.write(self.args.out)
        say(f"  done in {finished.seconds:.0f} s")

    def _forget_training(self) -> None:
        for folder in self.layout.trained:
            if folder.exists():
                shutil.rmtree(folder)
        self.state = State(
            seconds={k: v for k, v in self.state.seconds.items() if k in ("data", "model", "learning")},
            made_from={k: v for k, v in self.state.made_from.items() if k in ("data", "learning")},
        )


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.quickstart",
        description="Train a tiny Qwen2.5-VL with MRPO through real verl, on a machine without a GPU.",
        formatter_class=Help,
    )
    out.add_argument("--out", type=Path, default=Path("runs/quickstart"), metavar="DIR", help="folder of the run")
    out.add_argument("--steps", type=int, default=3, help="training steps; more than before: training goes on")
    out.add_argument("--seed", type=int, default=0, help="of the tiny model, the order of the data and the sampling")
    out.add_argument("--timeout", type=float, default=1800, help="seconds after which a stage is stopped")
    out.add_argument("--fresh", action="store_true", help="start training again; data and tiny model are kept")
    out.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="more overrides of verl, e.g. ++mrpo.tau=0.5")
    return out


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(argv)
    if args.steps < 1:
        parser().error("--steps must be 1 or more")
    args.out = args.out.resolve()
    os.chdir(Path(__file__).resolve().parents[3])
    if not stages.SAMPLE.is_dir():
        parser().error(f"there is no {stages.SAMPLE} here; run the quickstart in a clone of the repository")
    return Quickstart(args).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
