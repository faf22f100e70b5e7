"""Compare runs on the same questions: each with the first one, question by question.

    mrpo compare runs/eval_base runs/eval_mrpo
    mrpo compare runs/grpo runs/mrpo --origin validation --steps 200 --tables tables/

What each figure means: docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.rollouts import run_name
from recipe.mrpo.evaluate.scores.command import PRINTED, add_options, options_of, wanted_steps
from recipe.mrpo.evaluate.scores.compare.changed import changed_questions
from recipe.mrpo.evaluate.scores.compare.comparable import OTHER, check
from recipe.mrpo.evaluate.scores.compare.pairs import compare, correct
from recipe.mrpo.evaluate.scores.compare.run import read_run
from recipe.mrpo.evaluate.scores.compare.tables import comparison_tables, sentences, shortened
from recipe.mrpo.evaluate.scores.files import which_parts
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.output import show, write


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mrpo compare", description=__doc__, formatter_class=Help)
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="two or more runs; the first is the one to compare with")
    add("--names", nargs="+", metavar="NAME", help="of the runs, in their order (default: their folders)")
    add(
        "--other",
        nargs="+",
        choices=OTHER,
        default=[],
        help="compare runs that differ in data, or in who judged and how",
    )
    add_options(parser)
    add = parser.add_argument_group("what is written").add_argument
    add("--format", choices=PRINTED, default="text", help="of what is printed")
    add("--tables", type=Path, metavar="DIR", help="also write each table as Markdown, LaTeX and CSV")
    add("--out", type=Path, metavar="FILE", help="write all figures and changed questions as JSON")
    return parser


def compare_paths(
    paths: Sequence[Path],
    options: ScoreOptions,
    *,
    names: Sequence[str] | None = None,
    origin: str | None = None,
    steps: Sequence[Sequence[int] | None] | None = None,
    other: Sequence[str] = (),
) -> dict[str, Any]:
    """All runs against the first one; Holm's correction is over all sets and pairs. Raises ValueError."""
    if len(paths) < 2:
        raise ValueError("mrpo compare needs two runs or more")
    labels = _labels(paths, names)
    each = steps or [None] * len(paths)
    runs = [read_run(path, options, name=label, origin=origin, steps=at)
            for path, label, at in zip(paths, labels, each, strict=True)]  # fmt: skip
    parts = {label: which_parts(path, origin=origin, steps=at)
             for path, label, at in zip(paths, labels, each, strict=True)}  # fmt: skip
    notes = [f"LEFT OUT: {len(run.left_out)} rows of {printable(run.name, 60)}; the first: "
             f"{printable(run.left_out[0], 300)}." for run in runs if run.left_out]  # fmt: skip
    pairs = []
    for run in runs[1:]:
        notes += check(runs[0], run, other=other)
        pairs.append(compare(runs[0], run, options) | {"changed": changed_questions(runs[0], run, parts)})
    rows = [row for pair in pairs for row in pair["sets"].values()]
    for row in rows:
        row.pop("p_clustered_holm"), row.pop("p_mcnemar_holm")
    correct(rows)
    return {
        "format": 1,
        "runs": labels,
        "options": options.plain(),
        "notes": list(dict.fromkeys(notes)),
        "pairs": pairs,
    }


def _labels(paths: Sequence[Path], names: Sequence[str] | None) -> list[str]:
    """Names of the runs, each once; folders of one name are told apart by their number."""
    if names is not None and len(names) != len(paths):
        raise ValueError(f"--names must name each of the {len(paths)} runs, not {len(names)}")
    labels = list(names) if names is not None else [run_name(path) for path in paths]
    if names is not None and len(set(labels)) < len(labels):
        raise ValueError("--names must be different names")
    twice = Counter(labels)
    return [f"{label} ({n})" if twice[label] > 1 else label for n, label in enumerate(labels, start=1)]


def main(argv: Sequence[str] | None = None) -> int:
    """0: compared; 2: runs that cannot be read or are not comparable; one sentence says why."""
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        options = options_of(arguments)
        steps = [wanted_steps(arguments, path) for path in arguments.runs]
        found = compare_paths(arguments.runs, options, names=arguments.names, origin=arguments.origin, steps=steps,
                              other=arguments.other)  # fmt: skip
        tables = list(comparison_tables(found))
        write(found, tables, out=arguments.out, folder=arguments.tables)
    except (ValueError, OSError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    show(found, sentences(found), [shortened(table) for table in tables], arguments.format)
    return 0
