"""`mrpo judge audit`: label a sample of a run's rollouts a second time, and print how far the two judges agree.

The first labels are those in the dumps of trainer.rollout_data_dir or validation_data_dir. The second come from the
judge that the options name (mrpo.judge.name=...), or, with --labels, from people. How far judges agree is what the
published work leaves open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.judge_audit.agreement import compare, kappa_interval
from recipe.mrpo.evaluate.judge_audit.further import further, further_lines
from recipe.mrpo.evaluate.judge_audit.printing import figures, page
from recipe.mrpo.evaluate.judge_audit.rollouts import data_rows, labelled_rollouts, labels_by_people, requests_of
from recipe.mrpo.judge.continuations.cost import calls_of
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.private_data import check_endpoint
from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.judge.registry import get_judge
from recipe.mrpo.judge.when_to_judge import CONTINUATIONS


async def judged(options: DictConfig, requests: Sequence[JudgeRequest], *, cached: bool = True) -> list[Judgement]:
    """Judgements by the judge of the options, with a progress bar. `cached` False: every one is asked anew.

    Raises PermissionError for requests that may not go to the judge: before any is sent, or, from a
    user's own judge, when it refuses the first one.
    """
    from tqdm import tqdm

    node = OmegaConf.to_container(options.judge, resolve=True)
    if not cached:
        node["cache"]["path"] = None
    judge, tasks = get_judge(node), []
    try:
        leave = all(request.may_leave_machine for request in requests)
        judge.require(may_leave_machine=leave)
        check_endpoint(node, private_data=not leave)
        with tqdm(total=len(requests), desc="judged", file=sys.stderr) as bar:
            tasks = [asyncio.create_task(judge.label(request)) for request in requests]
            for task in tasks:
                task.add_done_callback(lambda _: bar.update())
            return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # a task that is not awaited prints a traceback
        await judge.close()


def _labels(judgements: Sequence[Judgement]) -> list[list[int] | None]:
    return [None if j.labels is None else list(j.labels) for j in judgements]


def add_command(commands) -> None:
    parser = commands.add_parser(
        "audit",
        help="agreement of a second judge with a run's labels",
        description=__doc__,
        formatter_class=Help,
    )
    add = parser.add_argument
    add("dumps", nargs="+", metavar="FILE.jsonl", help="dumps of rollouts; and mrpo.<option>=<value> for the judge")
    add("--data", nargs="+", default=[], metavar="FILE", help="parquet files of the run: images, and what may leave")
    add("--labels", type=Path, metavar="FILE", help="labels by people instead: lines of step, uid, labels")
    add("--sample", type=int, default=200, help="rollouts that are labelled again; 0: all")
    add("--seed", type=int, default=0, help="of the sample and the interval")
    add("--resamples", type=int, default=1000, help="of the bootstrap interval")
    add(
        "--repeat",
        type=int,
        default=0,
        help="further judgements of each rollout by the second judge: how often it flips",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=run)


def _tell(sentence: str) -> None:
    print(f"warning: {printable(sentence)}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    from recipe.mrpo.options.command_line import read_options

    for name in ("sample", "resamples", "repeat"):
        if getattr(arguments, name) < 0:
            raise ValueError(f"--{name} must be at least 0, not {getattr(arguments, name)}")
    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise ValueError(f"--json must be a file in a folder that exists, not {arguments.json}")
    for word in arguments.dumps:
        if not Path(word).is_file():
            kind = "is a folder" if Path(word).is_dir() else "does not exist"
            raise ValueError(f"{word} {kind}; give files of rollouts, such as RUN/rollouts/*.jsonl")
    options = read_options(arguments.options)
    node = OmegaConf.to_container(options.judge, resolve=True)
    rollouts = labelled_rollouts([Path(word) for word in arguments.dumps], left_out=_tell)
    if not rollouts:
        raise ValueError(f"no labelled rollout is in {', '.join(arguments.dumps)}")
    if arguments.sample and not arguments.labels and len(rollouts) > arguments.sample:
        rollouts = random.Random(arguments.seed).sample(rollouts, arguments.sample)
    first, judgements, repeats = [rollout.labels for rollout in rollouts], [], []
    if arguments.labels and not arguments.labels.is_file():
        raise ValueError(f"--labels {arguments.labels} does not exist")
    if arguments.labels:
        second = labels_by_people(arguments.labels, rollouts)
    else:
        data = [Path(word) for word in arguments.data]
        rows = data_rows(data, {r.row for r in rollouts}) if data else None
        if rows is None and any(one["name"] == CONTINUATIONS for one in judges_asked(node)):
            raise ValueError(
                "mrpo.judge.name=continuations goes on from the policy's prompt; give the run's parquet files with "
                "--data."
            )
        if rows is None:
            print("without --data the judge sees no image, and only judges on this machine are asked", file=sys.stderr)
        try:
            requests = requests_of(rollouts, rows)
            for one in judges_asked(node):
                if one["name"] == CONTINUATIONS:
                    calls = sum(calls_of(len(r.steps), n=one["continuations"]["n"]) for r in requests)
                    print(f"{len(requests)} rollouts take {calls} calls, and each --repeat as many", file=sys.stderr)
            judgements = asyncio.run(judged(options, requests))
            repeats = [_labels(asyncio.run(judged(options, requests, cached=False))) for _ in range(arguments.repeat)]
            second = _labels(judgements)
        except PermissionError as error:
            if rows is not None:
                raise
            raise PermissionError(
                "without --data it is unknown whether these cases may leave this machine; give the run's parquet files "
                "with --data, use a judge on this machine, or allow its host with mrpo.judge.allow_hosts=[<host>]."
            ) from error
    failures = Counter(j.failure for j in judgements if j.failure is not None)
    audit = compare(first, second)
    interval = kappa_interval(first, second, resamples=arguments.resamples, seed=arguments.seed)
    more = further(
        rollouts, second, judgements, repeats, options=options, resamples=arguments.resamples, seed=arguments.seed
    )
    print(page(audit, interval, failures))
    print("\n".join(further_lines(more)))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures(audit, interval, failures) | more, indent=1) + "\n")
    return 0 if audit.rollouts else 1
