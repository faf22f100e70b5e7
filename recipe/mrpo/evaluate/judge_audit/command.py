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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.jsonl import numbered_rows
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.evaluate.judge_audit.agreement import Audit, Confusion, compare, kappa_interval
from recipe.mrpo.judge.protocol import JudgeRequest
from recipe.mrpo.judge.registry import get_judge
from recipe.mrpo.scoring.row import read_extra_info

RowKey = tuple[str, str, str]
"""(data_source, split, index) of a row of the data."""


@dataclass(frozen=True)
class Rollout:
    """A labelled rollout of a dump: where it stands, its labels, and what a judge must know of it."""

    step: int
    uid: str
    labels: list[int]
    steps: list[str]
    case: dict[str, Any]

    @property
    def row(self) -> RowKey:
        return tuple(str(self.case.get(name, "")) for name in ("data_source", "split", "index"))


def labelled_rollouts(files: Sequence[Path]) -> list[Rollout]:
    """Rollouts of the dumps that have steps and labels. Raises ValueError for a file that is no dump of ours."""
    found = []
    for file in files:
        for number, row in numbered_rows(file):
            record = row.get("mrpo")
            if not isinstance(record, dict) or not {"steps", "labels", "case"} <= set(record):
                raise ValueError(
                    f"{file}:{number} is no rollout of MRPO; give files of trainer.rollout_data_dir or "
                    "trainer.validation_data_dir"
                )
            if record["labels"]:
                found.append(
                    Rollout(
                        int(row.get("step", 0)),
                        str(row.get("uid", "")),
                        record["labels"],
                        record["steps"],
                        record["case"],
                    )
                )
    return found


def requests_of(rollouts: Sequence[Rollout], rows: Mapping[RowKey, Mapping[str, Any]] | None) -> list[JudgeRequest]:
    """Requests with image and privacy flag of the data's rows; without `rows` no image, and nothing may leave.

    Raises ValueError for a rollout whose row is not in the data or is another one, or whose row's flag is no boolean.
    """
    made = []
    for rollout in rollouts:
        images, private = Images(), True
        if rows is not None:
            if rollout.row not in rows:
                raise ValueError(f"--data has no row {'/'.join(rollout.row)}; give the files that the run was made of")
            row = rows[rollout.row]
            # Files made of another release, or of a part of it, count their rows otherwise: the image would be another.
            asked = row["extra_info"].get("question")
            if None not in (asked, rollout.case.get("question")) and asked != rollout.case["question"]:
                raise ValueError(
                    f"row {'/'.join(rollout.row)} of --data has another question than the rollout; give the files that "
                    "the run was made of"
                )
            images = Images.of_row(row.get("images"))
            private = not may_leave_machine(row["extra_info"], row=f"row {'/'.join(rollout.row)} of --data")
        gold = rollout.case.get("gold") or [""]
        made.append(
            JudgeRequest(
                question=rollout.case.get("question", ""),
                answer=gold[0],
                alternatives=tuple(gold[1:]),
                gold_reasoning=rollout.case.get("gold_reasoning", ""),
                steps=tuple(rollout.steps),
                images=images.read,
                unread_image=images.problem,
                may_leave_machine=not private,
            )
        )
    return made


def data_rows(files: Sequence[Path], wanted: Collection[RowKey]) -> dict[RowKey, dict[str, Any]]:
    """The wanted rows of parquet files by (data_source, split, index); the others' images are not kept in memory."""
    import pyarrow.parquet as pq

    found = {}
    for file in files:
        parquet = pq.ParquetFile(file)
        columns = [name for name in ("data_source", "images", "extra_info") if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(64, columns=columns):
            for row in batch.to_pylist():
                info = row["extra_info"] = read_extra_info(row.get("extra_info"), row=f"a row of {file}")
                key = str(row.get("data_source") or ""), str(info.get("split") or ""), str(info.get("index", ""))
                if key in wanted:
                    found[key] = row
    return found


def labels_by_people(file: Path, rollouts: Sequence[Rollout]) -> list[list[int] | None]:
    """Labels of {"step": …, "uid": …, "labels": […]} lines for each rollout, None where the file has none.

    Raises ValueError for labels that are not 0 or 1, or not one for each step.
    """
    given = {}
    for number, row in numbered_rows(file):
        if not {"step", "uid", "labels"} <= set(row) or any(label not in (0, 1) for label in row["labels"]):
            raise ValueError(f'{file}:{number} needs "step", "uid" and "labels", a list of 0 and 1')
        given[int(row["step"]), str(row["uid"])] = row["labels"]
    second = [given.get((r.step, r.uid)) for r in rollouts]
    for rollout, labels in zip(rollouts, second, strict=True):
        if labels is not None and len(labels) != len(rollout.steps):
            raise ValueError(
                f"{file}: rollout {rollout.uid} of step {rollout.step} has {len(rollout.steps)} steps and "
                f"{len(labels)} labels"
            )
    return second


async def judged(options: DictConfig, requests: Sequence[JudgeRequest]) -> tuple[list[list[int] | None], Counter[str]]:
    """Labels by the judge of the options, None for a failed judgement, and failures by kind; with a progress bar.

    Raises PermissionError for requests that may not go to the judge: before any is sent, or, from a judge of one's own
    that is the only one to know, when its first one says so.
    """
    from tqdm import tqdm

    node = OmegaConf.to_container(options.judge, resolve=True)
    judge, tasks = get_judge(node), []
    try:
        judge.require(may_leave_machine=all(request.may_leave_machine for request in requests))
        with tqdm(total=len(requests), desc="judged", file=sys.stderr) as bar:
            tasks = [asyncio.create_task(judge.label(request)) for request in requests]
            for task in tasks:
                task.add_done_callback(lambda _: bar.update())
            judgements = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # what is awaited by nobody is told as a traceback
        await judge.close()
    failures = Counter(j.failure for j in judgements if j.failure is not None)
    return [None if j.labels is None else list(j.labels) for j in judgements], failures


def page(audit: Audit, interval: tuple[float, float] | None, failures: Mapping[str, int]) -> str:
    """The figures as text."""
    whole = audit.confusion
    lines = [
        f"{audit.rollouts} rollouts, {whole.total} steps; without a second label {audit.second_failed}"
        + "".join(f", {kind} {count}" for kind, count in sorted(failures.items())),
        f"Cohen's kappa  {_number(whole.kappa)}"
        + (f"   (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""),
        f"agreement      {_number(whole.agreement)}",
        "",
        "                  second: valid   second: invalid",
        f"first: valid    {whole.both_valid:15d} {whole.only_first:17d}",
        f"first: invalid  {whole.only_second:15d} {whole.both_invalid:17d}",
        "",
        "step     steps   agreement   kappa",
        *(
            f"{k:4d} {part.total:9d} {_number(part.agreement):>11} {_number(part.kappa):>7}"
            for k, part in enumerate(audit.by_position, 1)
        ),
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _figures(part: Confusion) -> dict[str, float | int | None]:
    return {**vars(part), "total": part.total, "agreement": part.agreement, "kappa": part.kappa}


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
    add("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from recipe.mrpo.options.command_line import read_options

    options = read_options(arguments.options)
    rollouts = labelled_rollouts([Path(word) for word in arguments.dumps])
    if not rollouts:
        raise ValueError("the dumps hold no labelled rollout")
    if arguments.sample and not arguments.labels and len(rollouts) > arguments.sample:
        rollouts = random.Random(arguments.seed).sample(rollouts, arguments.sample)
    first, failures = [rollout.labels for rollout in rollouts], Counter()
    if arguments.labels:
        second = labels_by_people(arguments.labels, rollouts)
    else:
        data = [Path(word) for word in arguments.data]
        rows = data_rows(data, {r.row for r in rollouts}) if data else None
        if rows is None:
            print("without --data the judge sees no image, and only judges on this machine are asked", file=sys.stderr)
        try:
            second, failures = asyncio.run(judged(options, requests_of(rollouts, rows)))
        except PermissionError as error:
            if rows is not None:
                raise
            raise PermissionError(
                "without --data nothing says that these cases may leave this machine; give the run's parquet files "
                "with --data, use a judge on this machine, or allow its host with mrpo.judge.allow_hosts=[<host>]."
            ) from error
    audit = compare(first, second)
    interval = kappa_interval(first, second, resamples=arguments.resamples, seed=arguments.seed)
    print(page(audit, interval, failures))
    if arguments.json:
        figures = {
            "rollouts": audit.rollouts,
            "without_second_label": audit.second_failed,
            "failures": dict(failures),
            "kappa_interval": interval,
            "steps": _figures(audit.confusion),
            "by_position": [_figures(part) for part in audit.by_position],
        }
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if audit.rollouts else 1
