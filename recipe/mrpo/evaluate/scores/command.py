"""Score a run: a training run's OUTPUT_DIR, one of its dumps, or the folder of an evaluation. Nothing is generated.

    mrpo score runs/my_run                             # the last validation
    mrpo score runs/my_run --origin train --steps all  # all training rollouts
    mrpo score runs/eval_200 --pass-at 1,4 --tables tables/
    mrpo score runs/eval_200 --also runs/eval_200_no_image --answers verdict

What each figure means: docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.rollouts import parts_of
from recipe.mrpo.evaluate.scores.files import SCORES, score_path
from recipe.mrpo.evaluate.scores.headline import headline
from recipe.mrpo.evaluate.scores.options import ANSWERS, CLUSTERS, COMPAT, ScoreOptions
from recipe.mrpo.evaluate.scores.output import show, write
from recipe.mrpo.evaluate.scores.tables.every import all_tables

PRINTED = ("text", "markdown", "latex", "csv", "json", "headline")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that decide figures; the same for `score` and `compare`."""
    default = ScoreOptions()
    add = parser.add_argument_group("what decides a figure").add_argument
    add("--answers", choices=ANSWERS, default=None, help="what says right or wrong: the answer reward (R_ans > tau), "
        "or the judge of answers (default: reward; with --compat reference: verdict)")  # fmt: skip
    add("--compat", choices=COMPAT, default=default.compat, help="reference: the denominators of the study's released "
        "code, which leave out answers that are not known and take a failed judgement for invalid steps")  # fmt: skip
    add("--cluster", choices=CLUSTERS, default=default.cluster, help="rows that hang together are drawn together")
    add("--level", type=float, default=default.level, metavar="P", help="of the intervals")
    add("--draws", type=int, default=default.draws, metavar="N", help="of the bootstrap")
    add("--seed", type=int, default=default.seed, metavar="N", help="of the bootstrap")
    add("--origin", choices=("train", "validation", "evaluation"), help="which dumps of a training run (default: "
        "validation, if there is one)")  # fmt: skip
    add(
        "--steps",
        type=steps_of,
        metavar="N,N|all",
        help="training steps whose dumps count together (default: the last)",
    )


def build_parser() -> argparse.ArgumentParser:
    default = ScoreOptions()
    parser = argparse.ArgumentParser(prog="mrpo score", description=__doc__, formatter_class=Help)
    add = parser.add_argument
    add("run", type=Path, help="a training run's OUTPUT_DIR, a dump, or the folder of mrpo evaluate")
    add("--also", type=Path, nargs="+", default=[], metavar="RUN", help="the same questions without the image, or with "
        "another one's")  # fmt: skip
    add_options(parser)
    add = parser.add_argument_group("more figures").add_argument
    add("--pass-at", type=numbers_of(int), default=(), metavar="K,K", help="pass@k (unbiased)")
    add("--cuts", type=numbers_of(float), action="append", default=[], metavar="EARLY,MID", help="cut-offs of the "
        "stages, again for another pair (default: those of mrpo.metrics.stage_cuts and two more pairs)")  # fmt: skip
    add("--ffp-width", type=float, default=default.ffp_width, metavar="W", help="of the bins of FFP")
    add("--discordant", type=float, default=default.discordant, metavar="P", help="share of questions that one of two "
        "runs alone answers right, for the difference that can be detected")  # fmt: skip
    add("--power", type=float, default=default.power, metavar="P", help="of that test")
    add("--bins", type=int, default=default.bins, metavar="N", help="of the calibration")
    add = parser.add_argument_group("what is written").add_argument
    add("--format", choices=PRINTED, default="text", help="of what is printed")
    add("--tables", type=Path, metavar="DIR", help="also write each table as Markdown, LaTeX and CSV")
    add("--out", type=Path, metavar="FILE", help=f"write all figures as JSON (an evaluation: into its {SCORES})")
    return parser


def steps_of(text: str) -> tuple[int, ...] | str:
    return "all" if text == "all" else numbers_of(int)(text)  # type: ignore[return-value]


def numbers_of(kind: type):
    def read(text: str) -> tuple:
        try:
            return tuple(kind(part) for part in text.split(","))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 1,4") from error

    return read


def options_of(arguments: argparse.Namespace) -> ScoreOptions:
    """Raises ValueError naming the option."""
    answers = arguments.answers or ("verdict" if arguments.compat == "reference" else "reward")
    names = ("compat", "cluster", "level", "draws", "seed")
    more = {name: getattr(arguments, name) for name in
            ("pass_at", "ffp_width", "discordant", "power", "bins") if hasattr(arguments, name)}  # fmt: skip
    cuts = tuple(getattr(arguments, "cuts", ()))
    return ScoreOptions(answers=answers, cuts=cuts, **{name: getattr(arguments, name) for name in names}, **more)


def wanted_steps(arguments: argparse.Namespace, path: Path) -> list[int] | None:
    """The steps that were asked for; None: the last one."""
    if arguments.steps != "all":
        return None if arguments.steps is None else list(arguments.steps)
    parts = parts_of(path)
    origins = {part.origin for part in parts}
    origin = arguments.origin or ("validation" if "validation" in origins else None)
    return sorted({p.step for p in parts if p.step is not None and (origin is None or p.origin in (None, origin))})


def main(argv: Sequence[str] | None = None) -> int:
    """0: scored; 2: the run or an option cannot be used; one sentence says why."""
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        options = options_of(arguments)
        steps = wanted_steps(arguments, arguments.run)
        scores = score_path(arguments.run, options, also=arguments.also, origin=arguments.origin, steps=steps)
        tables = all_tables(scores)
        evaluated = "evaluation" in scores["source"]["origins"] and arguments.run.is_dir()
        out = arguments.out or (arguments.run / SCORES if evaluated else None)
        write(scores, tables, out=out, folder=arguments.tables)
    except (ValueError, OSError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    show(scores, headline(scores), tables, arguments.format)
    return 0
