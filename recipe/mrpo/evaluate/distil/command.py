"""`mrpo judge distil`: the labels that runs have paid for, as verl SFT data for a judge of one's own.

    mrpo judge distil runs/a runs/b --data train.parquet --teacher NAME --out data/judge [mrpo.judge.openai.rubric=…]

DIR/train.parquet and DIR/heldout.parquet hold chats: what `mrpo.judge.name=openai` sends, and the reply that it would
have to get. DIR/heldout.jsonl holds the held-out rollouts for `mrpo judge audit`, DIR/distil.json what was left out. No
image is in both parts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.whole_file import write_json, write_text
from recipe.mrpo.evaluate.distil.files import lines_of, write_rows
from recipe.mrpo.evaluate.distil.rows import LeftOut, chat_of
from recipe.mrpo.evaluate.distil.split import balanced, held_out
from recipe.mrpo.evaluate.distil.taught import PRIVATE, Taught, check_grades, labelled, placed
from recipe.mrpo.evaluate.judge_audit.rollouts import data_rows, requests_of
from recipe.mrpo.judge.chat.judge import ChatJudge

FILES = ("train.parquet", "heldout.parquet", "heldout.jsonl", "distil.json")


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "distil",
        help="SFT data for a judge of one's own, from the labels of runs",
        description=__doc__,
        formatter_class=Help,
    )
    add = parser.add_argument
    add(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folders of runs or evaluations, dumps; and mrpo.<option>=<value>",
    )
    add("--out", required=True, type=Path, metavar="DIR", help="folder for the files")
    add(
        "--data",
        nargs="+",
        default=[],
        type=Path,
        metavar="FILE",
        help="parquet files of the runs: images, what is private",
    )
    add("--teacher", default="", help="the judge that gave the labels, for the rows and distil.json")
    add("--held-out", type=float, default=0.2, metavar="SHARE", help="share of the images that are held out")
    add("--seed", type=int, default=0, help="of the split and of --balance")
    add("--balance", action="store_true", help="as many training rollouts with an invalid step as without one")
    add("--private", choices=PRIVATE, default="refuse", help="rows that must not leave this machine")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from recipe.mrpo.options.command_line import read_options

    if not 0 <= arguments.held_out < 1:
        raise ValueError(f"--held-out must be a share in [0, 1), not {arguments.held_out:g}")
    for name in FILES:
        if (arguments.out / name).exists():
            raise ValueError(f"{arguments.out / name} is there already; remove it, or choose another --out")
    judge = student(read_options(arguments.options))
    if judge.settings.send_image and not arguments.data:
        raise ValueError(
            "the judge is shown images, and they stand in the data; give the runs' parquet files with --data, or set "
            "mrpo.judge.openai.send_image=false for a judge without images"
        )
    left = Counter[str]()
    taught = labelled(arguments.runs, left)
    if not taught:
        raise ValueError("the runs hold no labelled rollout")
    check_grades(taught, judge)
    rows = data_rows(arguments.data, {one.rollout.row for one in taught}) if arguments.data else None
    taught = placed(taught, rows, arguments.private, left)
    apart = held_out([one.images for one in taught], share=arguments.held_out, seed=arguments.seed)
    parts = {side: [one for one, out in zip(taught, apart, strict=True) if out == side] for side in (False, True)}
    if arguments.balance:
        train = parts[False]
        keep = balanced(
            [one.rollout.labels for one in train], [f"{one.run}/{one.id}" for one in train], seed=arguments.seed
        )
        left["balance"] += keep.count(False)
        parts[False] = [one for one, kept in zip(train, keep, strict=True) if kept]
    arguments.out.mkdir(parents=True, exist_ok=True)
    written: dict[str, int] = {}
    sound: dict[bool, list[Taught]] = {False: [], True: []}
    for side, name in ((False, "train"), (True, "heldout")):
        made = chats(parts[side], rows, judge, arguments.teacher, left, sound[side])
        written[name] = write_rows(made, arguments.out / f"{name}.parquet")
    if sound[True]:
        write_text(arguments.out / "heldout.jsonl", "\n".join(lines_of(one.rollout for one in sound[True])) + "\n")
    card = {
        "runs": [str(path) for path in arguments.runs],
        "teacher": arguments.teacher,
        "rubric": judge.settings.rubric,
        "rubric_hash": judge.rubric.hash,
        "held_out": arguments.held_out,
        "seed": arguments.seed,
        "rollouts": written,
        "valid_steps": {name: _valid(sound[side]) for side, name in ((False, "train"), (True, "heldout"))},
        "images": {name: len(_images(sound[side])) for side, name in ((False, "train"), (True, "heldout"))},
        "grades_of_teacher": sum(one.rollout.grades is not None for side in sound.values() for one in side),
        "left_out": dict(sorted(left.items())),
    }
    write_json(arguments.out / "distil.json", card)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left.items())) or "none"
    print(f"{written['train']} rollouts to train on, {written['heldout']} held out; left out: {kinds}")
    print(f"valid steps: {_share(sound[False])} of the first, {_share(sound[True])} of the second; {arguments.out}")
    return 0 if written["train"] else 1


def student(options: DictConfig) -> ChatJudge:
    """The judge that is to be taught: only its words and limits count, and nothing is sent. Raises ValueError."""
    node = OmegaConf.to_container(options.judge, resolve=True)
    openai = {**node["openai"], "model": node["openai"]["model"] or "student", "api_key_env": None}
    return ChatJudge.from_judge_options({**node, "name": "openai", "openai": openai})


def chats(
    taught: Sequence[Taught],
    rows: Mapping[Any, Mapping[str, Any]] | None,
    judge: ChatJudge,
    teacher: str,
    left: Counter[str],
    sound: list[Taught],
) -> Iterator[dict[str, Any]]:
    """Rows of the parquet file; what cannot teach is counted, and `sound` gets the rest."""
    for one in taught:
        (request,) = requests_of([one.rollout], rows)
        try:
            messages, images = chat_of(request, one.rollout.labels, one.rollout.grades, one.reasons, judge=judge)
        except LeftOut as error:
            left[str(error)] += 1
            continue
        sound.append(one)
        case = one.rollout.case
        info = {
            "split": str(case.get("split", "")),
            "index": str(case.get("index", "")),
            "run": one.run,
            "rollout": one.id,
            "teacher": teacher,
            "rubric": judge.settings.rubric,
            "labels": one.rollout.labels,
            "grades_of_teacher": one.rollout.grades is not None,
            "image_hashes": list(one.images),
            "may_leave_machine": not one.private,
        }
        source, shown = str(case.get("data_source", "")), [{"bytes": data} for data in images]
        yield {"data_source": source, "messages": messages, "images": shown, "extra_info": info}


def _images(taught: Sequence[Taught]) -> set[str]:
    return {name for one in taught for name in one.images}


def _valid(taught: Sequence[Taught]) -> float | None:
    labels = [label for one in taught for label in one.rollout.labels]
    return sum(labels) / len(labels) if labels else None


def _share(taught: Sequence[Taught]) -> str:
    valid = _valid(taught)
    return "-" if valid is None else f"{valid:.3f}"
