"""Runs the comparisons of docs/evidence.md that have no result yet; prints their tables, writes their page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.signals import Stopped, signals_stop
from recipe.mrpo.common.whole_file import write_text
from recipe.mrpo.worlds.drawn.training import ARMS, Settings
from recipe.mrpo.worlds.evidence import chain, direct, drawn
from recipe.mrpo.worlds.evidence.figures import figures
from recipe.mrpo.worlds.evidence.jobs import Comparison
from recipe.mrpo.worlds.evidence.report import report
from recipe.mrpo.worlds.evidence.runner import go


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.worlds.evidence", description=__doc__, formatter_class=Help
    )
    add = out.add_argument
    add(
        "--out", type=Path, default=Path("runs/evidence"), metavar="DIR", help="results and logs; a later start goes on"
    )
    add(
        "--quick",
        action="store_true",
        help="a small part: a minute for the chain world, two short verl runs for the drawn one",
    )
    add(
        "--world",
        choices=("chain", "drawn", "direct"),
        help="one world alone; direct: the drawn one without verl, which also chooses the learning rates",
    )
    add(
        "--settings",
        nargs="+",
        metavar="NAME",
        help="some of main, parts, tau, main_tuned10, parts_tuned10, own, own_flip15, options, flip15, scene",
    )
    add("--arms", nargs="+", choices=tuple(ARMS), metavar="ARM", default=list(drawn.MAIN),
        help=f"of the drawn world: {', '.join(ARMS)}")  # fmt: skip
    add("--lr", type=float, help="one learning rate for all arms, in the place of the rule")
    add("--steps", type=int, default=Settings.steps, help="of the drawn world: training steps of a run")
    add("--seeds", type=int, default=len(drawn.SEEDS), help="of the drawn world: paired seeds, from 0")
    add("--limit", type=float, metavar="SECONDS", help="begin no run after that time")
    add("--report", action="store_true", help="run nothing, write report.md and report.html of what is there")
    return out


def comparisons(args: argparse.Namespace, bounded: drawn.Bounded) -> list[Comparison]:
    """What is asked for, the world of seconds first."""
    found: list[Comparison] = []
    fast = direct.comparisons(args.out)
    if args.world in (None, "chain"):
        found += (
            [chain.quick()]
            if args.quick
            else [chain.main(), *chain.parts(), *chain.second(), *chain.own(), chain.options()]
        )
    if args.world in (None, "direct") and not args.quick:
        found += fast
    if args.world in (None, "drawn"):
        setting, steps, arms, seeds, lr = "main", args.steps, args.arms, range(args.seeds), args.lr
        if args.quick:  # two short runs, to see that every part works
            setting, steps, arms, seeds, lr = "quick", 10, ["grpo", "mrpo"], range(1), 3e-4
        elif steps != Settings.steps:
            setting = f"{steps} steps"
        shared = Settings(steps=steps)
        found.append(
            drawn.comparison(args.out, bounded, setting=setting, arms=arms, seeds=seeds, cascade=1.0, settings=shared,
                             lr=lr, tuned_by=fast[0])
        )  # fmt: skip
    if args.settings:
        found = [c for c in found if c.setting in args.settings]
    if args.lr is not None:
        found = [replace(c, lr=args.lr) for c in found]
    return found


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(
    argv: list[str] | None = None,
    *,
    bounded: drawn.Bounded,
    clean_up: Callable[[Path], int],
    page: Callable[[Sequence[Mapping[str, Any]], Path], None],
) -> int:
    """`bounded` runs verl, `clean_up` stops what a killed attempt has left, `page` writes the HTML page of figures."""
    args = parser().parse_args(argv)
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    for left in (*args.out.glob("drawn/runs/*/run_id"), *args.out.glob("drawn/base/run_id")):
        clean_up(left)  # of an attempt that was killed
    asked = comparisons(args, bounded)
    code = 0
    if not args.report:
        try:
            with signals_stop():
                if any(c.world != "chain" for c in asked):
                    drawn.make_start(args.out, bounded, say)
                go(asked, args.out, say=say, limit=args.limit)
        except Stopped as stop:
            print(f"{stop}: stopped; the same command goes on with the next run", file=sys.stderr)
            code = stop.code
        except drawn.RunFailed as failed:
            print(f"error: {failed}", file=sys.stderr)
            code = 1
    told = report(asked, args.out)
    write_text(args.out / "report.md", told)
    page([figures(comparison, args.out) for comparison in asked], args.out / "report.html")
    print(told)
    say(f"curves and paired seeds: {args.out / 'report.html'}")
    return code
