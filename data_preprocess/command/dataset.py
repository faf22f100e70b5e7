"""Command line of every dataset: `python -m data_preprocess.<dataset>` and `python -m data_preprocess <dataset>`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_preprocess import datasets
from data_preprocess.command.exit_status import guarded
from data_preprocess.convert.card import card_texts, file_digests
from data_preprocess.convert.images import POLICIES, Limits
from data_preprocess.convert.prompts import DEFAULT_BACKBONE, backbone_names
from data_preprocess.convert.run import REASONING, Options, Result, SplitResult, convert
from data_preprocess.reasoning import medthink
from data_preprocess.reasoning.gold import GoldReasoning
from data_preprocess.source import hub
from data_preprocess.source.errors import DataError
from data_preprocess.source.readers import NAMELESS
from data_preprocess.tools.rows import image_set
from data_preprocess.tools.shared_images import Avoid
from recipe.mrpo.common.help_text import Help

SECONDS_PER_LINE = 30
"""Between two lines of progress where there is no terminal."""


def build_parser(dataset: datasets.DatasetInfo) -> argparse.ArgumentParser:
    published = f" ({dataset.licence}, {dataset.homepage})" if dataset.homepage else ""
    download = "official download; its layout is detected" if dataset.homepage else "folder of your files"
    parser = argparse.ArgumentParser(
        prog=f"python -m data_preprocess.{dataset.name}",
        description=f"{dataset.title}{published} as parquet for verl. {dataset.caution}",
        epilog=getattr(datasets.module(dataset.name), "EPILOG", None),
        formatter_class=Help,
    )
    add = parser.add_argument
    if dataset.hub is None:
        add("--source", type=Path, required=True, metavar="DIR", help=download)
    else:
        add(
            "--source",
            type=Path,
            metavar="DIR",
            help=f"official download, offline; without it {dataset.hub} is fetched",
        )
        add("--revision", default="main", help="revision to fetch; a commit pins it")
        add("--download-dir", type=Path, metavar="DIR", help="where to; without it the hub's cache")
    add("--images", type=Path, metavar="DIR", help="image folder, where it is not inside --source")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for <split>.parquet")
    add("--split", nargs="+", choices=dataset.splits, help="splits to write (default: all that the source has)")
    add("--open-only", action="store_true", help="leave yes/no questions out")
    add("--limit", type=_positive, metavar="N", help="at most N rows a split")
    add("--gold-reasoning", type=Path, nargs="+", default=[], metavar="FILE", help="gold reasoning, ours or MedThink's")
    add("--medthink", type=Path, metavar="DIR", help="clone of MedThink's repository: gold reasoning from there")
    add(
        "--medthink-check",
        choices=("sha256", "off"),
        default="sha256",
        help="compare its files with the published hashes",
    )
    add("--reasoning", choices=REASONING, default="optional", help="required: leave rows without gold reasoning out")
    add("--list-joins", action="store_true", help="list the rows that found no gold reasoning, or several")
    add("--backbone", choices=backbone_names(), default=DEFAULT_BACKBONE, help="whose think tag the prompt asks for")
    add("--sft", action="store_true", help="chat messages for verl's SFT trainer, gold reasoning as think block")
    add("--drop-duplicates", action="store_true", help="keep one row of each (image, question, answer)")
    add(
        "--drop-overlap",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="leave rows out whose image is in these",
    )
    add(
        "--near",
        type=int,
        metavar="BITS",
        help="with --drop-overlap: near copies too, at most so many of 256 bits apart",
    )
    add("--skip-bad", action="store_true", help="leave bad rows and images out instead of failing")
    add(
        "--image-policy", choices=POLICIES, default="convert",
        help="images that verl would show wrongly (16 bit, alpha, EXIF rotation): to 8-bit PNG, as they are, an error",
    )  # fmt: skip
    add("--max-image-bytes", type=_positive, default=64 * 2**20, metavar="N", help="largest image file")
    add("--max-image-pixels", type=_positive, default=64 * 10**6, metavar="N", help="most pixels of an image")
    add("--min-image-side", type=_positive, default=4, metavar="N", help="fewest pixels of the shorter side")
    if hasattr(datasets.module(dataset.name), "add_arguments"):
        datasets.module(dataset.name).add_arguments(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one dataset's command; `argv` begins with its name. Returns 0, 1 for bad data, or 128 + a signal."""
    name, *rest = argv
    dataset = datasets.info(name)
    args = build_parser(dataset).parse_args(rest)

    def work() -> int:
        result = run(dataset, args, make_options(args))
        _print(result, joined=bool(args.gold_reasoning or args.medthink), list_joins=args.list_joins)
        return 0

    return guarded(work, resumes=True)


def make_options(args: argparse.Namespace) -> Options:
    """Raises DataError if a file of --drop-overlap cannot be read, or --near has nothing to be near to."""
    if args.near is not None and not args.drop_overlap:
        raise DataError("--near needs --drop-overlap FILE")
    return Options(
        out=args.out,
        splits=tuple(args.split or ()),
        open_only=args.open_only,
        limit=args.limit,
        backbone=args.backbone,
        reasoning=args.reasoning,
        sft=args.sft,
        drop_duplicates=args.drop_duplicates,
        skip_bad=args.skip_bad,
        image_policy=args.image_policy,
        limits=Limits(args.max_image_bytes, args.max_image_pixels, args.min_image_side),
        avoid=Avoid((image_set(file) for file in args.drop_overlap), max_bits=args.near),
    )


def run(dataset: datasets.DatasetInfo, args: argparse.Namespace, options: Options) -> Result:
    """Fetch or find the source, read it, convert it, write the cards. Raises DataError."""
    gold_files = list(args.gold_reasoning)
    if args.medthink is not None:
        found = medthink.files(args.medthink, dataset.name, options.splits or dataset.splits)
        if args.medthink_check == "sha256":
            medthink.verify(found)
        gold_files += found
    gold = GoldReasoning.read(gold_files)
    folder, revision, twins = args.source, None, None
    if args.medthink is not None and args.images is None:
        twins = medthink.folder_of(args.medthink, dataset.name)
    if folder is None:
        folder, revision = hub.download(dataset, revision=args.revision, folder=args.download_dir)
    elif not folder.is_dir():
        raise DataError(f"--source {folder} is no folder")
    loaded = datasets.loader(dataset.name)(datasets.Source(folder, args.images, vars(args), twins))
    leaves = dataset.may_leave_machine if loaded.may_leave_machine is None else loaded.may_leave_machine

    def describe(result: Result) -> dict[Path, str]:
        facts = {"options": asked(args), "revision": revision, "gold_files": gold_files}
        return card_texts(result, loaded, dataset, **facts)

    return convert(
        loaded,
        options,
        data_source=loaded.data_source or dataset.data_source,
        may_leave_machine=leaves,
        gold=gold,
        progress=_progress,
        describe=describe,
    )


_NOT_ASKED = {
    "source",
    "images",
    "revision",
    "download_dir",
    "out",
    "split",
    "gold_reasoning",
    "medthink",
    "list_joins",
}
"""Options that say where things lie or what is printed; what they led to stands elsewhere in the card."""


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """Options that decide what the rows are, as a card tells them: files as {name: sha256}."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return file_digests([value])
        if isinstance(value, list) and value and isinstance(value[0], Path):
            return file_digests(value)
        return value

    return {name: plain(value) for name, value in vars(args).items() if name not in _NOT_ASKED}


def _progress(items: Iterable, label: str, total: int) -> Iterable:
    """A progress bar on a terminal, a line now and then elsewhere; standard output stays clean."""
    console = Console(stderr=True)
    if not console.is_terminal:
        told = time.monotonic()
        for done, item in enumerate(items):
            if time.monotonic() - told >= SECONDS_PER_LINE:
                told = time.monotonic()
                print(f"{label}: {done} of {total} chunks of rows", file=sys.stderr, flush=True)
            yield item
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
        if split.kept:
            print(f"  {split.kept} rows were there from an interrupted run")
        for reason, count in split.dropped.items():
            if count:
                print(f"  dropped {count}: {reason}")
        for quirk, count in sorted(split.quirks.items()):
            print(f"  image quirk {quirk}: {count} rows")
        if split.converted:
            print(f"  {len(split.converted)} images converted to 8-bit PNG (listed in the dataset card)")
        if joined:
            _hint(split)
            print("  gold reasoning join: " + ", ".join(f"{n} {kind}" for kind, n in split.join.summary().items()))
        if list_joins:
            for line in split.join.lines():
                print(f"    {line}")
    if joined and result.gold_unused:
        print(f"{result.gold_unused} gold texts were asked for by no row")
    for error in result.bad:  # their number stands last, where it is seen
        print(f"skipped: {error}", file=sys.stderr)
    if result.bad:
        print(f"{len(result.bad)} bad rows left out (--skip-bad)", file=sys.stderr)


def _hint(split: SplitResult) -> None:
    """Say why a join found nothing, where that can be known."""
    nameless = [record for record in split.join.unmatched if record.image_id.startswith(NAMELESS)]
    if nameless and not split.join.matched:
        print(
            f"  no row found its reasoning, and {len(nameless)} images have no name here: name a folder with the "
            "original image files with --images DIR"
        )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
