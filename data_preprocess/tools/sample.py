"""`python -m data_preprocess sample FILE… --out FILE`: fewer rows, balanced over groups or chosen by pass rate.

python -m data_preprocess sample data/*/train.parquet --out mix.parquet --rows 6000 --balance data_source modality
python -m data_preprocess sample data/train.parquet --out hard.parquet --pass-rates runs/first/rollouts
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data_preprocess.command.exit_status import guarded
from data_preprocess.command.numbers import positive, share
from data_preprocess.command.outputs import refuse_overwriting, with_cards
from data_preprocess.convert.card import file_digests
from data_preprocess.convert.parquet import write_parquet
from data_preprocess.source.errors import DataError
from data_preprocess.tools.mix_card import mix_texts
from data_preprocess.tools.rows import infos, iter_rows, open_rows, require_own_schema
from data_preprocess.tools.sampling import PassRates, balanced, curate, dump_files
from recipe.mrpo.common.help_text import Help

BALANCE = ("data_source", "modality", "organ", "answer_type", "question_type", "language")


def main(argv: Sequence[str]) -> int:
    """Run the tool. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_preprocess sample", description="Choose rows of parquet files of this package.",
        formatter_class=Help,
    )  # fmt: skip
    add = parser.add_argument
    add(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="parquet files of one kind (RL or SFT); joined in this order",
    )
    add("--out", type=Path, required=True, metavar="FILE", help="the parquet file to write")
    add("--rows", type=positive, metavar="N", help="at most N rows")
    add("--balance", nargs="+", choices=BALANCE, default=[], help="as many rows of each combination as there can be")
    add("--seed", type=int, default=0, help="of the choice within a group")
    add(
        "--pass-rates",
        type=Path,
        nargs="+",
        default=[],
        metavar="DUMP",
        help="rollout or validation dumps of the start model: *.jsonl files, or folders of them",
    )
    add("--min-pass", type=share, default=0.0, help="leave out questions solved in at most this share of rollouts")
    add("--max-pass", type=share, default=1.0, help="leave out questions solved in at least this share of rollouts")
    args = parser.parse_args(argv)
    return guarded(lambda: run(args), resumes=False)


def run(args: argparse.Namespace) -> int:
    """Raises DataError for files that cannot be read or do not fit together, ValueError for a bad row."""
    dumps = list(dump_files(args.pass_rates))
    refuse_overwriting(with_cards(args.out), [*(path for file in args.files for path in with_cards(file)), *dumps])
    if args.min_pass >= args.max_pass:
        raise DataError(f"--min-pass {args.min_pass:g} must be below --max-pass {args.max_pass:g}")
    for file in args.files:
        require_own_schema(file)
    schemas = [open_rows(file).schema_arrow for file in args.files]
    for file, schema in zip(args.files, schemas, strict=True):
        if not schema.equals(schemas[0]):
            raise DataError(
                f"{file.name} has other columns than {args.files[0].name}; RL and SFT files cannot be joined"
            )
    facts = [info for file in args.files for info in infos(file)]
    rows = list(range(len(facts)))
    if args.pass_rates:
        rates = PassRates.read(args.pass_rates)
        rows, dropped = curate(facts, rates, low=args.min_pass, high=args.max_pass)
        unknown = sum(rates.of(i) is None for i in facts)
        if unknown == len(facts):
            raise DataError(
                "none of the rows is in the dumps of --pass-rates: they are of other files or another split"
            )
        print(f"pass rates: {len(facts) - unknown} rows are in the dumps, {unknown} are not and are kept")
        for reason, count in dropped.items():
            print(f"  dropped {count}: {reason}")
    total = len(rows) if args.rows is None else args.rows
    groups = [tuple(facts[row][name] for name in args.balance) for row in rows]
    if not rows:
        raise DataError("no row is left, so no file is written")
    chosen = {rows[position] for position in balanced(groups, total, seed=args.seed)}
    written = write_parquet(
        _chosen(args.files, chosen),
        args.out,
        schema=schemas[0],
        describe=lambda whole: mix_texts(args.out, whole, args.files, options=_asked(args)),
    )
    print(f"{args.out}: {written} of {len(facts)} rows")
    counts = Counter(groups[position] for position, row in enumerate(rows) if row in chosen)
    if args.balance:
        for group, count in sorted(counts.items(), key=str):
            print("  " + ", ".join(f"{n} {v}" for n, v in zip(args.balance, group, strict=True)) + f": {count}")
    return 0


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    names = ("rows", "balance", "seed", "min_pass", "max_pass")
    options = {name: getattr(args, name) for name in names}
    return options | {"pass_rates": file_digests(dump_files(args.pass_rates))}


def _chosen(files: Sequence[Path], chosen: set[int]) -> Iterator[dict[str, Any]]:
    row = 0
    for file in files:
        for content in iter_rows(file):
            if row in chosen:
                yield content
            row += 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
