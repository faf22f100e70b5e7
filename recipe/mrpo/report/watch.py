"""`mrpo watch`: follow a running training or evaluation in the terminal, on this machine or over ssh.

    mrpo watch OUTPUT_DIR --steps 500

It reads files and nothing else, so it may be started, stopped and started again at any time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.report.live.state import JobState
from recipe.mrpo.report.live.view import view


def newest(folder: Path) -> float | None:
    """When something was last written there, in seconds since the epoch; None: nothing was."""
    files = [
        f for name in ("metrics", "rollouts", "validation", ".") for f in (folder / name).glob("*.jsonl") if f.is_file()
    ]
    return max((f.stat().st_mtime for f in files), default=None)


def watch(folder: Path, console: Console, *, every: float, total_steps: int | None, rollouts: int, once: bool) -> None:
    """Show the job until it is interrupted; once, or where the output is no terminal a line of news at a time."""
    state = JobState(folder)

    def picture():
        written = newest(folder)
        age = None if written is None else max(0.0, time.time() - written)
        return view(state, total_steps=total_steps, rollouts=rollouts, age_s=age)

    state.look()
    if once:
        console.print(picture())
        return
    if not console.is_terminal:
        console.print(picture())
        while True:
            time.sleep(every)
            if state.look():
                console.print(picture())
    with Live(picture(), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every)
            state.look()
            live.update(picture(), refresh=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="mrpo watch",
        description="A running training or evaluation: metrics, judge, time left, last rollouts. Ctrl-C ends it.",
        formatter_class=Help,
    )
    parser.add_argument("folder", type=Path, help="a script's OUTPUT_DIR, or the folder of mrpo evaluate")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds between two looks")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of the training, for the time left")
    parser.add_argument("--rollouts", type=int, default=3, metavar="N", help="rollouts to show")
    parser.add_argument("--once", action="store_true", help="print what is known now, and end")
    args = parser.parse_args(argv)
    if not args.every > 0:
        parser.error(f"--every must be above 0, not {args.every:g}")
    if args.folder.exists() and not args.folder.is_dir():
        parser.error(f"{args.folder} is not a folder")
    if args.once and not args.folder.is_dir():
        print(f"mrpo watch: {args.folder} does not exist", file=sys.stderr)
        return 2
    try:
        watch(
            args.folder, Console(highlight=False), every=args.every, total_steps=args.steps, rollouts=args.rollouts,
            once=args.once,
        )  # fmt: skip
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
