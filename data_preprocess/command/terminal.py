"""Output of a data set's command: progress, then the files written and the rows left out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_preprocess.convert.result import Result, SplitResult
from data_preprocess.source.parquet_shards import NAMELESS

SECONDS_PER_LINE = 30
"""Seconds between two lines of progress without a terminal."""


def progress(items: Iterable, label: str, total: int) -> Iterable:
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


def print_result(result: Result, *, joined: bool, list_joins: bool) -> None:
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
    for split in result.absent:
        print(f"{split}: no row of this split is in the source or was left, so no file was written")
    for note in result.notes:
        print(f"note: {note}")
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
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
