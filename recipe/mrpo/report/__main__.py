"""Command line of the report: a run in the terminal, as one HTML file, or as figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.evaluate.rows.evaluation import GENERATIONS
from recipe.mrpo.report.terminal import show

if TYPE_CHECKING:
    from recipe.mrpo.evaluate.scores.options import ScoreOptions


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="mrpo report",
        description="Metrics, validation and rollouts of runs: in the terminal, as one HTML file, or as figures.",
        formatter_class=Help,
    )
    out.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN",
        help="a script's OUTPUT_DIR (metrics/, rollouts/, validation/) or the folder of mrpo evaluate",
    )  # fmt: skip
    out.add_argument("--rollouts", type=int, default=3, metavar="N", help="rollouts to print in the terminal")
    out.add_argument("--svg", type=Path, metavar="FILE", help="also write the terminal's summary as a picture")
    figures = out.add_argument_group("figures", "of the page and of --figures")
    figures.add_argument("--also", type=Path, nargs="+", default=[], metavar="RUN",
                         help="evaluations of the same questions by the same models, without the image or with another "
                         "one's")  # fmt: skip
    figures.add_argument("--pass-at", type=whole_numbers, metavar="K,K",
                         help="pass@k; otherwise 2, 4, 8 and so on, where questions have several answers")  # fmt: skip
    page = out.add_argument_group("page", "one HTML file that opens offline")
    page.add_argument("--html", type=Path, metavar="FILE", help="write the page instead of printing")
    page.add_argument("--title", help="title of the page (default: the names of the runs)")
    page.add_argument("--data", type=Path, nargs="+", default=[], metavar="PARQUET",
                      help="files with the images (default: RUN/data/*.parquet)")  # fmt: skip
    page.add_argument("--max-rollouts", type=int, default=5000, metavar="N",
                      help="rollouts in the page's list, shared by the runs")  # fmt: skip
    page.add_argument(
        "--max-images", type=int, default=500, metavar="N", help="images in the page; each is stored once"
    )
    page.add_argument("--image-size", type=int, default=512, metavar="N", help="longest side of an image in pixels")
    page.add_argument("--private-images", action=argparse.BooleanOptionalAction, default=True,
                      help="images of rows that may not leave the machine; the page then must not, either")  # fmt: skip
    files = out.add_argument_group("files", "for a paper; pip install 'verl-mrpo[plots]'")
    files.add_argument("--figures", type=Path, metavar="DIR", help="write the figures instead of printing")
    files.add_argument("--format", nargs="+", choices=("png", "svg", "pdf"), default=["png", "svg", "pdf"],
                       help="formats of the figures")  # fmt: skip
    return out


def main() -> int:
    command = parser()
    args = command.parse_args()
    for name, least in (("rollouts", 0), ("max_rollouts", 1), ("max_images", 0), ("image_size", 16)):
        if getattr(args, name) < least:
            option = name.replace("_", "-")
            command.error(f"--{option} must be a whole number of at least {least}, not {getattr(args, name)}")
    if (args.also or args.pass_at) and not (args.html or args.figures):
        command.error("--also and --pass-at are for --html and --figures; in the terminal mrpo score has them")
    try:
        for run in args.runs:
            if not run.exists():
                raise ValueError(f"{run} does not exist; give a run's OUTPUT_DIR or the folder of mrpo evaluate")
            if run.is_file() and not (args.html or args.figures):
                raise ValueError(f"{run} is a file; give the run's folder, or --html FILE for a page of one dump")
        if args.svg and not args.svg.absolute().parent.is_dir():
            raise ValueError(f"--svg must be a file in a folder that exists, not {args.svg}")
        if args.html:
            write_page(args)
        if args.figures:
            from recipe.mrpo.report.figure_files import write_figures

            scores = score_options(args)
            for file in write_figures(args.runs, args.figures, formats=args.format, scores=scores, also=args.also):
                print(file)
        if not args.html and not args.figures:
            if args.svg and len(args.runs) > 1:
                command.error("--svg is the picture of one run; give one RUN")
            for run in args.runs:
                if (run / GENERATIONS).is_file():
                    print_headline(run)
                else:
                    show(run, svg=args.svg, rollouts=args.rollouts)
    except (ValueError, OSError) as error:
        print(f"mrpo report: {error}", file=sys.stderr)
        return 1
    return 0


def print_headline(evaluation: Path) -> None:
    """The figures of an evaluation in sentences; `mrpo score` has them as tables."""
    from recipe.mrpo.evaluate.rollouts import read_rollouts
    from recipe.mrpo.evaluate.scores.headline import headline
    from recipe.mrpo.evaluate.scores.options import ScoreOptions
    from recipe.mrpo.evaluate.scores.score import score

    left_out: list[str] = []
    rollouts = read_rollouts(evaluation, left_out=left_out.append)
    print("\n".join(headline(score(rollouts, ScoreOptions(), left_out=left_out))))


def whole_numbers(text: str) -> tuple[int, ...]:
    from recipe.mrpo.evaluate.scores.command import numbers_of

    return numbers_of(int)(text)


def score_options(args: argparse.Namespace) -> ScoreOptions:
    from recipe.mrpo.evaluate.scores.options import ScoreOptions

    return ScoreOptions(pass_at=args.pass_at or ())


def write_page(args: argparse.Namespace) -> None:
    from recipe.mrpo.report.page.make import PageOptions, make_page, run_names

    options = PageOptions(
        max_rollouts=args.max_rollouts,
        max_images=args.max_images,
        image_side=args.image_size,
        private_images=args.private_images,
        data=tuple(args.data),
        title=args.title or ", ".join(run_names(args.runs)),
        scores=score_options(args),
        also=tuple(args.also),
    )
    facts = make_page(args.runs, args.html, options)
    said = (
        f"{facts['shown']} of {facts['rollouts']} rollouts, {facts['images']} images, {facts['bytes'] / 2**20:.1f} MiB"
    )
    print(f"{args.html}: {said}")
    if facts["private_images"]:
        print(
            f"{facts['private_images']} images in it are of rows that may not leave this machine: keep the file here, "
            "or make it with --no-private-images",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
