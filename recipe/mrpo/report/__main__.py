"""Command line of the summary."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recipe.mrpo.report.terminal import show


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.report",
        description="Metrics, validation and a few rollouts of a run, in the terminal.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="folder with metrics/, rollouts/, validation/: a script's OUTPUT_DIR")
    parser.add_argument("--rollouts", type=int, default=3, help="rollouts to print")
    parser.add_argument("--svg", type=Path, default=None, help="also write the summary as a picture")
    args = parser.parse_args()
    if args.rollouts < 0:
        parser.error(f"--rollouts must be a whole number of at least 0, not {args.rollouts}")
    try:
        show(args.run, svg=args.svg, rollouts=args.rollouts)
    except (ValueError, OSError) as error:
        print(f"mrpo report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
