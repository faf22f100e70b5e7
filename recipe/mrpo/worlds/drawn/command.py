"""Makes data and start model of the drawn world: python -m recipe.mrpo.worlds.drawn --out DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recipe.mrpo.common.help_text import Help

COUNTS = {"train": 1024, "test": 384, "shifted": 128}


def prepare_transformers() -> None:
    import torch

    if torch.version.cuda is None:
        from recipe.mrpo.cpu import apply_shim  # a CUDA torchvision beside a CPU torch cannot be imported without it

        apply_shim()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recipe.mrpo.worlds.drawn", description=__doc__, formatter_class=Help
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets data/ and start/")
    parser.add_argument("--cascade", type=float, default=1.0, help="share of readings that depend on the one before")
    parser.add_argument("--seed", type=int, default=0, help="of scenes, weights and lessons")
    parser.add_argument("--steps", type=int, default=2500, help="supervised steps of the start model")
    parser.add_argument("--data-only", action="store_true", help="leave the start model out")
    args = parser.parse_args(argv)
    if not 0 <= args.cascade <= 1:
        parser.error(f"--cascade must be in [0, 1], not {args.cascade:g}")
    prepare_transformers()
    from recipe.mrpo.worlds.drawn import rows, start

    rows.write(args.out / "data", counts=COUNTS, cascade=args.cascade, seed=args.seed)
    print(f"{args.out / 'data'}: {', '.join(f'{n} {split}' for split, n in COUNTS.items())}", flush=True)
    if args.data_only:
        return 0
    try:
        recipe = start.Recipe(seed=args.seed, steps=args.steps)
        made = start.make(args.out / "start", recipe, progress=lambda line: print(f"  {line}", flush=True))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out / 'start'}: {'made' if made else 'was there already, from the same inputs'}")
    return 0
