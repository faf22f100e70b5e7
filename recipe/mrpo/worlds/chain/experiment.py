"""Runs arms of the chain world and prints them against a baseline; finished runs are kept and not run again."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.jsonl import read_jsonl
from recipe.mrpo.worlds import compare
from recipe.mrpo.worlds.arms import MAIN, Arm, with_failures, with_flips, with_judge
from recipe.mrpo.worlds.chain.curve import curve, lines
from recipe.mrpo.worlds.chain.scene import ChainWorld
from recipe.mrpo.worlds.chain.train import RunSettings, run

RATES = (1e-3, 2e-3, 4e-3, 8e-3)
TUNING_SEEDS = (1000, 1001, 1002)
METRICS = ("early_rate", "accuracy", "early_share", "valid_steps")


def every_arm() -> dict[str, Arm]:
    few = {name: MAIN[name] for name in ("grpo", "mrpo", "flat", "vppo")}
    arms = dict(MAIN) | with_judge(few, "local")
    for share in (0.05, 0.15, 0.3):
        arms |= with_flips(few, share)
    for share in (0.1, 0.3):
        for failed_as in ("unknown", "zero"):
            arms |= with_failures({name: MAIN[name] for name in ("grpo", "mrpo")}, share, failed_as)
    return arms


def key(arm: str, seed: int, lr: float, args: argparse.Namespace) -> str:
    shape = f"groups={args.prompts}x{args.rollouts} cascade={args.cascade:g}"
    return f"{arm} seed={seed} lr={lr:g} updates={args.updates} {shape}"


def finished(file: Path) -> dict[str, dict]:
    """Runs that the file holds, which can be added to. Raises OSError or ValueError for a file that cannot be used."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.open("a").close()
    rows = list(read_jsonl(file))
    if not all(isinstance(row, dict) and "key" in row for row in rows):
        raise ValueError("it holds something else than runs of this command")
    return {row["key"]: row for row in rows}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipe.mrpo.worlds.chain", description=__doc__,
                                     formatter_class=Help)  # fmt: skip
    add = parser.add_argument
    add("--out", type=Path, default=Path("runs/evidence/chain.jsonl"), help="one line a run; a second start goes on")
    add("--arms", nargs="+", default=list(MAIN), metavar="ARM", help=f"of {', '.join(every_arm())}")
    add("--baseline", default="grpo", help="the arm that the others are compared with")
    add("--seeds", type=int, default=10, help="number of paired seeds, from 0")
    add("--updates", type=int, default=100, help="updates of a run")
    add("--prompts", type=int, default=8, help="prompts of an update")
    add("--rollouts", type=int, default=8, help="rollouts of a prompt")
    add("--cascade", type=float, default=1.0, help="share of steps that depend on the one before")
    add("--curve", type=Path, metavar="FILE", help="write one curve of grpo and mrpo as JSON, and nothing else")
    add("--lr", type=float, help="one learning rate for all; without, each arm's is chosen by the same rule")
    args = parser.parse_args(argv)
    if args.curve:
        found = curve(seed=0)
        args.curve.write_text(json.dumps(found) + "\n", encoding="utf-8")
        print("\n".join(lines(found)))
        return 0
    known = every_arm()
    wrong = [name for name in [*args.arms, args.baseline] if name not in known]
    if wrong:
        parser.error(f"unknown arm {wrong[0]}; choose from {', '.join(known)}")
    for name, least in (("seeds", 2), ("updates", 1), ("prompts", 1), ("rollouts", 2)):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be at least {least}, not {getattr(args, name)}")
    if not 0 <= args.cascade <= 1:
        parser.error(f"--cascade must be in [0, 1], not {args.cascade:g}")
    if args.lr is not None and not args.lr > 0:
        parser.error(f"--lr must be above 0, not {args.lr:g}")
    try:
        done = finished(args.out)
    except (OSError, ValueError) as error:
        print(f"error: --out {args.out} cannot be used: {error}", file=sys.stderr)
        return 2
    compared(args, known, done)
    return 0


def compared(args: argparse.Namespace, known: dict[str, Arm], done: dict[str, dict]) -> None:
    """The runs that are missing in `done`, then the table."""
    import torch

    torch.set_num_threads(1)
    world = ChainWorld(cascade=args.cascade)
    names = list(dict.fromkeys([args.baseline, *args.arms]))
    jobs = [(n, s, lr) for n in names for lr in ([args.lr] if args.lr else RATES) for s in TUNING_SEEDS if not args.lr]
    started, count = time.monotonic(), 0

    def result(name: str, seed: int, lr: float) -> dict[str, float]:
        nonlocal count
        mark = key(name, seed, lr, args)
        if mark not in done:
            settings = RunSettings(updates=args.updates, prompts=args.prompts, rollouts=args.rollouts, lr=lr)
            row = {"key": mark, "arm": name, "seed": seed, "lr": lr, **run(world, known[name], settings, seed=seed)[-1]}
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            done[mark] = row
            count += 1
            left = len(jobs) + len(names) * args.seeds - count
            seconds = (time.monotonic() - started) / count
            print(f"\r{mark:72} about {left * seconds:5.0f} s left at most", end="", file=sys.stderr, flush=True)
        return done[mark]

    rates: dict[str, float] = {}
    for name in names:
        scores = {lr: sum(result(name, s, lr)["accuracy"] for s in TUNING_SEEDS) for lr in ([] if args.lr else RATES)}
        rates[name] = args.lr or max(scores, key=lambda lr: (scores[lr], -lr))
    table = {name: {s: result(name, s, rates[name]) for s in range(args.seeds)} for name in names}
    print("", file=sys.stderr)
    print(report(table, rates, args.baseline))


def report(table: dict[str, dict[int, dict[str, float]]], rates: dict[str, float], baseline: str) -> str:
    """A Markdown table: means in percent, and paired differences to the baseline with their intervals."""
    metrics = " | ".join(f"{m} | vs {baseline}" for m in METRICS[:2])
    lines = [f"| arm | lr | {metrics} | early_share | valid_steps |", "| --- " * 8 + "|"]
    for name, by_seed in table.items():
        mean = {m: 100 * sum(r[m] for r in by_seed.values()) / len(by_seed) for m in METRICS}
        cells = []
        for metric in METRICS[:2]:
            cells.append(f"{mean[metric]:.1f}")
            if name == baseline:
                cells.append("")
                continue
            ours, theirs = ({s: r[metric] for s, r in t.items()} for t in (by_seed, table[baseline]))
            d = compare.paired(ours, theirs)
            cells.append(f"{100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]")
        rest = f"{mean['early_share']:.1f} | {mean['valid_steps']:.1f}"
        lines.append(f"| {name} | {rates[name]:g} | {' | '.join(cells)} | {rest} |")
    return "\n".join(lines)
