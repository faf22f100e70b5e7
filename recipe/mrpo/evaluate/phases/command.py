"""Evaluate a model: answers (generate), judgements of them (judge), figures (score), in a folder.

Without a phase, all three are run, each from where it was; a finished evaluation ends at once. Options that are not
given are those of the folder's manifest, so `mrpo evaluate --out DIR` goes on with an interrupted evaluation.
Overrides of training have the same names here, e.g. mrpo.judge.name=openai, data.max_response_length=256.

  mrpo evaluate --model checkpoints/global_step_200 --data test.parquet --out runs/eval_200
  mrpo evaluate --base-url http://127.0.0.1:8000/v1 --model NAME --data test.parquet --out runs/eval_NAME
  mrpo evaluate score --out runs/eval_200
  mrpo evaluate --queue runs/evaluations      (checkpoints that a training noted with mrpo.evaluate.queue)
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.one_process import Busy, only_one
from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.phases import queue
from recipe.mrpo.evaluate.phases.checkpoint import CheckpointGone
from recipe.mrpo.evaluate.phases.conditions import CONDITIONS
from recipe.mrpo.evaluate.phases.folder import PHASES, Evaluation, Report
from recipe.mrpo.evaluate.phases.manifest import Manifest
from recipe.mrpo.evaluate.phases.settings import (
    SAMPLING,
    Settings,
    choose_platform,
    json_object,
    split_overrides,
)
from recipe.mrpo.evaluate.phases.stop import Stop


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mrpo evaluate", description=__doc__, formatter_class=Help)
    default = Settings()
    add = parser.add_argument
    add("phases", nargs="*", metavar="generate | judge | score", help="only these phases (default: all)")
    add("--out", type=Path, metavar="DIR", help="folder of the evaluation")
    add("--queue", type=Path, metavar="DIR", help="evaluate the checkpoints that a training has noted there "
        "(mrpo.evaluate.queue), each in its own folder of DIR")  # fmt: skip
    add("--entry", help=argparse.SUPPRESS)  # one of them, in this process
    add("--again", action="store_true", help="accept what differs from the manifest, and do again what it touches")
    add("--data", nargs="+", metavar="FILE", help="parquet files of the questions")

    model = parser.add_argument_group("the model")
    add = model.add_argument
    add("--model", metavar="NAME", help="a checkpoint of verl's (global_step_N), a Hugging Face folder, a name of the "
        "hub, or what the endpoint calls it")  # fmt: skip
    add("--backbone", metavar="NAME", help="row of `mrpo backbones` (default: that of the checkpoint's family)")
    add("--base-url", metavar="URL", help="ask this OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1, in "
        "place of vLLM in this process")  # fmt: skip
    add("--api-key-env", metavar="NAME", help="environment variable that holds the endpoint's key")
    add("--allow-host", nargs="+", metavar="HOST", help="hosts that may see rows marked may_leave_machine=false")
    add("--extra-body", type=json_object, metavar="JSON", help="object added to every request to the endpoint")
    for name, kind, text in (("concurrency", int, "requests to the endpoint at a time"),
                             ("timeout", float, "seconds for one request"),
                             ("retries", int, "of a request that failed for the moment")):  # fmt: skip
        add(f"--{name}", type=kind, metavar="N", help=f"{text} (default: {getattr(default, name):g})")

    how = parser.add_argument_group("the answers")
    add = how.add_argument
    add("--condition", choices=CONDITIONS, help="images that are shown: the question's own, none, or those of another "
        f"question (default: {default.condition})")  # fmt: skip
    add("--sampling", choices=SAMPLING, help="greedy, or as in training (default: greedy)")
    add("--samples", type=int, metavar="N", help=f"answers to each question (default: {default.samples})")
    add("--seed", type=int, metavar="N", help=f"of sampling and of random parts (default: {default.seed})")
    add("--limit", type=int, metavar="N", help="only the first N questions; 0: all (default: 0)")
    add("--batch", type=int, metavar="N", help=f"answers computed together by vLLM (default: {default.batch})")

    judge = parser.add_argument_group("the judgements (mrpo.judge.* says who judges)")
    add = judge.add_argument
    add("--no-verdict", dest="verdict", action="store_const", const=False,
        help="leave out the study's question whether the answer is right, which a chat judge is asked")  # fmt: skip
    add("--verdict", dest="verdict", action="store_const", const=True, help=argparse.SUPPRESS)
    add("--repeat-judge", type=int, metavar="N", help="judge a random part N more times (default: 0)")
    add("--repeat-share", type=float, metavar="P", help=f"the random part (default: {default.repeat_share:g})")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """0: complete; 1: something failed or is left, one sentence says what; 2: words that cannot be understood."""
    overrides, words = split_overrides(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    typed = parser.parse_intermixed_args(words)  # a phase may stand behind options, too
    typed.overrides = overrides
    unknown = [phase for phase in typed.phases if phase not in PHASES]
    if unknown:
        parser.error(f"{unknown[0]!r} is not a phase; there are {', '.join(PHASES)}")
    if (typed.out is None) == (typed.queue is None):
        parser.error("--out is missing: name the folder of the evaluation (or, with --queue, that of a queue)")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    choose_platform()
    try:
        if typed.queue is not None and typed.entry is None:
            given = without_queue(sys.argv[1:] if argv is None else argv)
            return queue.work_off(typed.queue, given, stopping=[])
        return one_evaluation(typed, parser)
    except KeyboardInterrupt:  # before or between the phases, where nothing is under way
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except Busy as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return queue.BUSY if typed.entry else 1
    except CheckpointGone as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return queue.GONE if typed.entry else 1
    except (ValueError, PermissionError, OSError, ModuleNotFoundError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1


def without_queue(words: Sequence[str]) -> list[str]:
    """The words without `--queue DIR`."""
    out = list(words)
    for at, word in enumerate(words):
        if word == "--queue":
            return out[:at] + out[at + 2 :]
        if word.startswith("--queue="):
            return out[:at] + out[at + 1 :]
    return out


def one_evaluation(typed: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Evaluate one model in one folder; raises ValueError, PermissionError or OSError with a sentence."""
    noted: dict[str, Any] = {}
    if typed.entry is not None:
        entry = queue.named(typed.queue, typed.entry)
        typed, typed.out, noted = queue.with_arguments(entry, typed, parser), entry.out, entry.settings
        if not entry.written:
            print(f"{entry.checkpoint} is not written to the end yet; it stays in the queue", file=sys.stderr)
            return queue.EARLY
    stop = Stop()
    if typed.out.exists() and not typed.out.is_dir():
        raise ValueError(f"--out {typed.out} is a file; name a folder")
    typed.out.mkdir(parents=True, exist_ok=True)
    with only_one(typed.out):
        manifest = Manifest(typed.out)
        settings = Settings.of(typed, manifest.settings or noted)
        report = Evaluation(typed.out, settings, manifest, again=typed.again).run(typed.phases or PHASES, stop)
    tell(report, typed.out)
    if report.stopped_by is not None:
        return 128 + report.stopped_by
    return 0 if report.complete else 1


def tell(report: Report, out: Path) -> None:
    """What was done, what failed and what is left, on standard error; the headline of new scores."""
    for phase, outcome in report.outcomes.items():
        left = f", {outcome.not_asked} left" if outcome.not_asked else ""
        left += f", {outcome.unanswered} without an answer" if outcome.unanswered else ""
        failed = ", ".join(f"{kind} x{count}" for kind, count in outcome.failures.most_common())
        print(
            f"{phase}: {outcome.done_before + outcome.done} of {outcome.wanted} done"
            f"{f' ({outcome.done} now)' if outcome.done else ''}{f', failed: {failed}' if failed else ''}{left}",
            file=sys.stderr,
        )
    if report.scores is not None:
        from recipe.mrpo.evaluate.scores.headline import headline

        print("\n".join(headline(report.scores)))
    if not report.complete:
        print(f"{out} is not complete; the same command tries again what failed and does what is left", file=sys.stderr)
