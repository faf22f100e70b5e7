"""`python -m data_preprocess all --root DIR --out OUT`: the 13K training mix and the eight test sets of the study.

`--root` holds one folder per dataset, named as in `python -m data_preprocess` (or a link to it); with `--fetch` those
that are not there come from the hub. A missing data set is reported and left out. For every test set the size is
printed beside the study's; a difference is reported and nothing is forced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_preprocess import datasets
from data_preprocess.command.arguments import build_parser, make_options
from data_preprocess.command.dataset import run
from data_preprocess.command.exit_status import guarded
from data_preprocess.command.terminal import print_result
from data_preprocess.convert.parquet import write_parquet
from data_preprocess.convert.result import Result
from data_preprocess.convert.schema import RL_SCHEMA
from data_preprocess.source.errors import DataError
from data_preprocess.tools.mix_card import mix_texts
from data_preprocess.tools.rows import iter_rows
from recipe.mrpo.common.help_text import Help

TRAINING = ("vqa_rad", "slake", "pathvqa")
MIX = "train_mix.parquet"
MIX_SIZE = 13000
"""About: the study says 13K."""
DIFFERS = 4
"""Exit status if a test set was made with another size than the study's."""


def main(argv: Sequence[str]) -> int:
    """Run the tool. Returns 0; 1 if nothing is there or something cannot be converted; 4 if a test size differs."""
    parser = argparse.ArgumentParser(
        prog="python -m data_preprocess all", description="The" + __doc__.split("\n\n")[0].split(": the", 1)[1],
        formatter_class=Help,
    )  # fmt: skip
    add = parser.add_argument
    add("--root", type=Path, required=True, metavar="DIR", help="folder with one folder per dataset")
    add("--out", type=Path, required=True, metavar="DIR", help="gets a folder for each dataset, and the training mix")
    add("--fetch", action="store_true", help="download missing data sets from the hub")
    add(
        "--medthink",
        type=Path,
        metavar="DIR",
        help="clone of MedThink's repository; rows without its reasoning are left out",
    )
    add(
        "--medthink-check",
        choices=("sha256", "off"),
        default="sha256",
        help="compare its files with the published hashes",
    )
    add("--backbone", metavar="NAME", help="as for a single dataset")
    add("--skip-bad", action="store_true", help="as for a single dataset")
    args = parser.parse_args(argv)
    return guarded(lambda: run_all(args), resumes=True)


def run_all(args: argparse.Namespace) -> int:
    """Every dataset that is there, one after the other, then the mix and the table of sizes."""
    status, sizes, mix = 0, [], []
    for name in datasets.NAMES:
        info = datasets.info(name)
        if info.open_test_size is None and name not in TRAINING:
            continue
        for part in _parts(name):
            try:
                result = _convert(name, part, args)
            except DataError as error:
                print(f"{name}, {part}: error: {error}", file=sys.stderr)
                status = 1
                continue
            if result is None:
                print(f"{name}: not in {args.root}{'' if info.hub is None else ' (--fetch gets it)'}")
                sizes.append((info, None))
                break
            (split,) = result.splits
            print_result(result, joined=bool(args.medthink and part == "train"), list_joins=False)
            if part == "train":
                mix.append(split.path)
            else:
                sizes.append((info, split.rows))
    if mix:
        rows = write_parquet(
            (row for file in mix for row in iter_rows(file)),
            args.out / MIX,
            schema=RL_SCHEMA,
            describe=lambda whole: mix_texts(args.out / MIX, whole, mix, options={"open_only": True}),
        )
        print(
            f"{args.out / MIX}: {rows} rows from {len(mix)} of {len(TRAINING)} training sets; the study: {MIX_SIZE:,}"
        )
    if status == 0 and all(found is None for _, found in sizes) and not mix:
        raise DataError(f"--root {args.root} holds none of the folders {', '.join(i.name for i, _ in sizes)}")
    print("test set            found   study")
    for info, found in sizes:
        told = "-" if found is None else str(found)
        verdict = "" if found is None else "equal" if found == info.open_test_size else "DIFFERS"
        print(f"{info.title:16} {told:>8} {info.open_test_size:>7}  {verdict}")
    if status == 0 and any(found not in (None, info.open_test_size) for info, found in sizes):
        status = DIFFERS
    return status


def _parts(name: str) -> tuple[str, ...]:
    return ("train", "test") if name in TRAINING else ("test",)


def _convert(name: str, part: str, args: argparse.Namespace) -> Result | None:
    folder = args.root / name
    if not folder.is_dir() and not (args.fetch and datasets.info(name).hub):
        return None
    command = ["--out", str(args.out / name), "--split", part, "--open-only"]
    command += ["--source", str(folder)] if folder.is_dir() else []
    command += ["--backbone", args.backbone] if args.backbone else []
    command += ["--skip-bad"] if args.skip_bad else []
    if part == "train":
        command += ["--drop-duplicates"]
        if args.medthink:
            command += [
                "--medthink",
                str(args.medthink),
                "--medthink-check",
                args.medthink_check,
                "--reasoning",
                "required",
            ]
    dataset = datasets.get(name)
    parsed = build_parser(dataset, name).parse_args(command)
    return run(dataset, parsed, make_options(parsed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
