"""Command of every data set: `python -m data_preprocess.<name>` and `python -m data_preprocess <name>`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_preprocess import datasets
from data_preprocess.command.arguments import asked, build_parser, make_options
from data_preprocess.command.exit_status import guarded
from data_preprocess.convert.card import card_texts
from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.result import Result, SplitResult
from data_preprocess.convert.run import convert
from data_preprocess.reasoning import medthink
from data_preprocess.reasoning.gold import GoldReasoning
from data_preprocess.source import hub
from data_preprocess.source.errors import DataError
from data_preprocess.source.parquet_shards import NAMELESS

SECONDS_PER_LINE = 30
"""Between two lines of progress where there is no terminal."""


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


def run(dataset: datasets.DatasetInfo, args: argparse.Namespace, options: ConvertOptions) -> Result:
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
