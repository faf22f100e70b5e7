"""Command of every data set, of this package (`python -m data_preprocess <name>`) and of the user's (`module:name`)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_preprocess import datasets
from data_preprocess.command.arguments import asked, build_parser, make_options
from data_preprocess.command.exit_status import guarded
from data_preprocess.command.outputs import refuse_inside, refuse_overwriting, strangers, with_cards
from data_preprocess.command.terminal import print_result, progress
from data_preprocess.convert.card import card_texts
from data_preprocess.convert.options import ConvertOptions
from data_preprocess.convert.result import Result
from data_preprocess.convert.run import convert
from data_preprocess.reasoning import medthink
from data_preprocess.reasoning.gold import GoldReasoning
from data_preprocess.source import hub
from data_preprocess.source.errors import DataError, NotThere
from data_preprocess.source.hints import hint_for_source
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.records import Loaded


def main(argv: Sequence[str]) -> int:
    """Run one data set's command; `argv` begins with its name. Returns 0, 1 for bad data, or 128 + a signal."""
    name, *rest = argv

    def work() -> int:
        dataset = datasets.get(name)
        args = build_parser(dataset, name).parse_args(rest)
        result = run(dataset, args, make_options(args))
        print_result(result, joined=bool(args.gold_reasoning or args.medthink), list_joins=args.list_joins)
        return 0

    return guarded(work, resumes=True)


def run(dataset: datasets.Dataset, args: argparse.Namespace, options: ConvertOptions) -> Result:
    """Fetch or find the source, read it, convert it, write the cards. Raises DataError."""
    info = dataset.INFO
    _check_folders(args)
    gold_files = list(args.gold_reasoning)
    if args.medthink is not None:
        found = medthink.files(args.medthink, info.name, options.splits or info.splits)
        if args.medthink_check == "sha256":
            medthink.verify(found)
        gold_files += found
    gold = GoldReasoning.read(gold_files)
    folder, revision, twins = args.source, None, None
    if args.medthink is not None and args.images is None:
        twins = medthink.folder_of(args.medthink, info.name)
    if folder is None:
        folder, revision = hub.download(info, revision=args.revision, folder=args.download_dir)
    try:
        loaded = dataset.load(datasets.Source(folder, args.images, vars(args), twins))
    except NotThere as error:
        raise DataError(f"{error}{hint_for_source(folder)}") from error
    splits = options.splits or tuple(loaded.splits())
    _check_out(args, folder, loaded, splits, gold_files)

    def describe(result: Result) -> dict[Path, str]:
        facts = {"options": asked(args), "revision": revision, "gold_files": gold_files}
        return card_texts(result, loaded, info, **facts)

    result = convert(
        loaded,
        options,
        data_source=loaded.data_source or info.data_source,
        may_leave_machine=info.may_leave_machine if loaded.may_leave_machine is None else loaded.may_leave_machine,
        gold=gold,
        progress=progress,
        describe=describe,
    )
    result.absent += [split for split in info.splits if split not in splits and not options.splits]
    result.warnings += strangers(args.out, (split.path for split in result.splits))
    return result


def _check_folders(args: argparse.Namespace) -> None:
    """Raises DataError for a folder that is not there, before anything is read."""
    for option, folder in (("--source", args.source), ("--images", args.images), ("--medthink", args.medthink)):
        if folder is not None and not folder.is_dir():
            hint = hint_for_source(folder) if folder.exists() else ""
            raise DataError(f"{option} {folder} is not a folder{hint}")


def _check_out(
    args: argparse.Namespace, folder: Path, loaded: Loaded, splits: Sequence[str], gold_files: Sequence[Path]
) -> None:
    """Raises DataError if `--out` would overwrite an input, or mix with one."""
    outputs = [path for split in splits for path in with_cards(args.out / f"{split}.parquet")]
    overlap = [path for file in args.drop_overlap for path in with_cards(file)]
    refuse_overwriting(outputs, [*loaded.files, *gold_files, *overlap])
    images = {record.image.folder for record in loaded.records if isinstance(record.image, FileImage)}
    given = [path for path in (args.images, args.medthink) if path is not None]
    read = {file.parent for file in loaded.files if folder in file.parents}
    refuse_inside(args.out, [folder, *given, *images, *read], below=[*given, *images - {folder}])
