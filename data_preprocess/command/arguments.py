"""Options of a data set's command, their defaults, and the conversion they ask for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from data_preprocess import datasets
from data_preprocess.command.numbers import hash_bits, positive
from data_preprocess.convert.card import file_digests
from data_preprocess.convert.images import POLICIES, Limits
from data_preprocess.convert.options import REASONING, ConvertOptions, TextLimits
from data_preprocess.convert.prompts import DEFAULT_BACKBONE, backbone_names
from data_preprocess.source.errors import DataError
from data_preprocess.tools.rows import image_set
from data_preprocess.tools.shared_images import Avoid
from recipe.mrpo.backbones import backbone_argument
from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.load import is_own

TEXTS = TextLimits()


def build_parser(part: datasets.Dataset, name: str) -> argparse.ArgumentParser:
    """The options of a data set, its own ones last. `name`: how the user called it.

    Raises DataError if an option of the user's own data set has a name that is taken.
    """
    dataset = part.INFO
    published = f" ({dataset.licence}, {dataset.homepage})" if dataset.homepage else ""
    download = "official download; its layout is detected" if dataset.homepage else "folder of your files"
    parser = argparse.ArgumentParser(
        prog=f"python -m data_preprocess{' ' if is_own(name) else '.'}{name}",
        description=f"{dataset.title}{published} as parquet for verl. {dataset.caution}",
        epilog=getattr(part, "EPILOG", None),
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
    add("--limit", type=positive, metavar="N", help="at most N rows a split")
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
    names = ", ".join(backbone_names())
    about = f"model family, for the think tag that the prompt asks for: {names}, or your own row as package.module:ROW"
    add("--backbone", type=backbone_argument, metavar="NAME", default=DEFAULT_BACKBONE, help=about)
    add("--sft", action="store_true", help="chat messages for verl's SFT trainer, gold reasoning as think block")
    add("--drop-duplicates", action="store_true", help="keep one row of each (image, question, answer)")
    add(
        "--drop-overlap",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="leave rows out that show an image of these files",
    )
    add(
        "--near",
        type=hash_bits,
        metavar="BITS",
        help="with --drop-overlap: near copies too, at most so many of 256 bits apart",
    )
    add("--skip-bad", action="store_true", help="leave bad rows and images out instead of failing")
    add(
        "--image-policy", choices=POLICIES, default="convert",
        help="images that verl would show wrongly (16 bit, alpha, EXIF rotation): to 8-bit PNG, as they are, an error",
    )  # fmt: skip
    add("--max-image-bytes", type=positive, default=64 * 2**20, metavar="N", help="largest image file")
    add("--max-image-pixels", type=positive, default=64 * 10**6, metavar="N", help="most pixels of an image")
    add("--min-image-side", type=positive, default=4, metavar="N", help="fewest pixels of the shorter side")
    add("--max-images", type=positive, default=8, metavar="N", help="most images of a row")
    add("--max-row-pixels", type=positive, default=128 * 10**6, metavar="N", help="most pixels of a row's images")
    add("--max-question-chars", type=positive, default=TEXTS.question, metavar="N", help="longest question")
    add("--max-answer-chars", type=positive, default=TEXTS.answer, metavar="N", help="longest answer")
    add("--max-reasoning-chars", type=positive, default=TEXTS.reasoning, metavar="N", help="longest gold reasoning")
    if hasattr(part, "add_arguments"):
        try:
            part.add_arguments(parser)
        except argparse.ArgumentError as error:
            raise DataError(f"the data set {name}: {error}") from error
    return parser


def make_options(args: argparse.Namespace) -> ConvertOptions:
    """Raises DataError if a file of --drop-overlap cannot be read, or --near has nothing to be near to."""
    if args.near is not None and not args.drop_overlap:
        raise DataError("--near needs --drop-overlap FILE")
    return ConvertOptions(
        out=args.out,
        splits=tuple(dict.fromkeys(args.split or ())),
        open_only=args.open_only,
        limit=args.limit,
        backbone=args.backbone,
        reasoning=args.reasoning,
        sft=args.sft,
        drop_duplicates=args.drop_duplicates,
        skip_bad=args.skip_bad,
        image_policy=args.image_policy,
        limits=Limits(
            max_bytes=args.max_image_bytes,
            max_pixels=args.max_image_pixels,
            min_side=args.min_image_side,
            max_images=args.max_images,
            max_row_pixels=args.max_row_pixels,
        ),
        texts=TextLimits(args.max_question_chars, args.max_answer_chars, args.max_reasoning_chars),
        avoid=Avoid((image_set(file) for file in args.drop_overlap), max_bits=args.near),
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
"""Options on places and printing; their results stand elsewhere in the card."""


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """The options that decide the rows, as a card tells them: files as {name: sha256}."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return file_digests([value])
        if isinstance(value, list) and value and isinstance(value[0], Path):
            return file_digests(value)
        return value

    return {name: plain(value) for name, value in vars(args).items() if name not in _NOT_ASKED}
