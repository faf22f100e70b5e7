"""Command line of every dataset: `python -m data_preprocess.<dataset>` and `python -m data_preprocess <dataset>`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_preprocess import datasets
from data_preprocess.convert import REASONING, Options, Result, convert
from data_preprocess.errors import DataError
from data_preprocess.gold import GoldReasoning
from data_preprocess.images import POLICIES, Limits
from data_preprocess.prompts import DEFAULT_BACKBONE, backbone_names


def build_parser(dataset: datasets.DatasetInfo) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m data_preprocess.{dataset.name}",
        description=f"{dataset.title} ({dataset.licence}, {dataset.homepage}) as parquet for verl. {dataset.caution}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--source", type=Path, required=True, metavar="DIR", help="official download; its layout is detected")
    add("--images", type=Path, metavar="DIR", help="image folder, where it is not inside --source")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for <split>.parquet")
    add("--split", nargs="+", choices=dataset.splits, default=list(dataset.splits), help="splits to write")
    add("--open-only", action="store_true", help="leave yes/no questions out")
    add("--limit", type=_positive, metavar="N", help="at most N rows a split")
    add("--gold-reasoning", type=Path, nargs="+", default=[], metavar="FILE", help="gold reasoning, ours or MedThink's")
    add("--reasoning", choices=REASONING, default="optional", help="required: leave rows without gold reasoning out")
    add("--list-joins", action="store_true", help="list the rows that found no gold reasoning, or several")
    add("--backbone", choices=backbone_names(), default=DEFAULT_BACKBONE, help="whose think tag the prompt asks for")
    add("--sft", action="store_true", help="chat messages for verl's SFT trainer, gold reasoning as think block")
    add("--drop-duplicates", action="store_true", help="keep one row of each (image, question, answer)")
    add("--skip-bad", action="store_true", help="leave bad rows and images out instead of failing")
    add(
        "--image-policy", choices=POLICIES, default="convert",
        help="images that verl would show wrongly (16 bit, alpha, EXIF rotation): to 8-bit PNG, as they are, an error",
    )  # fmt: skip
    add("--max-image-bytes", type=_positive, default=64 * 2**20, metavar="N", help="largest image file")
    add("--max-image-pixels", type=_positive, default=64 * 10**6, metavar="N", help="most pixels of an image")
    add("--min-image-side", type=_positive, default=4, metavar="N", help="fewest pixels of the shorter side")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one dataset's command; `argv` begins with its name. Returns the exit status: 0, or 1 for bad data."""
    name, *rest = argv
    dataset = datasets.info(name)
    args = build_parser(dataset).parse_args(rest)
    options = Options(
        out=args.out,
        splits=tuple(args.split),
        open_only=args.open_only,
        limit=args.limit,
        backbone=args.backbone,
        reasoning=args.reasoning,
        sft=args.sft,
        drop_duplicates=args.drop_duplicates,
        skip_bad=args.skip_bad,
        image_policy=args.image_policy,
        limits=Limits(args.max_image_bytes, args.max_image_pixels, args.min_image_side),
    )
    try:
        gold = GoldReasoning.read(args.gold_reasoning)
        loaded = datasets.loader(name)(datasets.Source(args.source, args.images))
        result = convert(
            loaded,
            options,
            data_source=dataset.data_source,
            may_leave_machine=dataset.may_leave_machine,
            gold=gold,
            progress=_progress,
        )
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print(result, joined=bool(args.gold_reasoning), list_joins=args.list_joins)
    return 0


def _progress(items: Iterable, label: str, total: int) -> Iterable:
    """A progress bar on a terminal, nothing elsewhere; standard output stays clean."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times)
    with Progress(*columns, console=console, transient=True) as bar:
        yield from bar.track(items, total=total, description=f"{label}, chunks of rows")


def _print(result: Result, *, joined: bool, list_joins: bool) -> None:
    for split in result.splits:
        print(
            f"{split.path}: {split.rows} rows ({split.open_rows} open, {split.rows - split.open_rows} yes/no), "
            f"{len(split.images)} images, {split.gold_rows} with gold reasoning"
        )
        for reason, count in split.dropped.items():
            if count:
                print(f"  dropped {count}: {reason}")
        for quirk, count in sorted(split.quirks.items()):
            print(f"  image quirk {quirk}: {count} rows")
        if split.converted:
            print(f"  {len(split.converted)} images converted to 8-bit PNG (listed in the dataset card)")
        if joined:
            print("  gold reasoning join: " + ", ".join(f"{n} {kind}" for kind, n in split.join.summary().items()))
        if list_joins:
            for line in split.join.lines():
                print(f"    {line}")
    if joined:
        print(f"{result.gold_unused} gold texts were asked for by no row")
    for error in result.bad:  # their number stands last, where it is seen
        print(f"skipped: {error}", file=sys.stderr)
    if result.bad:
        print(f"{len(result.bad)} bad rows left out (--skip-bad)", file=sys.stderr)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
