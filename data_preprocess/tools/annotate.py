"""`python -m data_preprocess annotate FILE --out gold.jsonl --base-url URL --model NAME`: gold reasoning by a model.

Each open row without gold reasoning is sent to an OpenAI-compatible endpoint (image, question, answer in; 3 to 8 steps
out), the reply is checked (annotate.py), and what passes becomes a line of `--out` with model, rubric version and date,
ready for `--gold-reasoning`. The file is the cache: rows it has for this model and rubric are not asked again, so an
interrupted or stopped run goes on where it was. Rows marked may_leave_machine=false go to this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import openai

from data_preprocess.command.exit_status import guarded
from data_preprocess.reasoning.annotation import BadReply, build_messages, check_reply, rubric
from data_preprocess.source.errors import DataError
from data_preprocess.source.text import is_yes_no, row_key
from data_preprocess.tools.rows import iter_rows
from recipe.mrpo.common.help_text import Help
from recipe.mrpo.endpoint.address import Endpoint, Wording, read_key
from recipe.mrpo.endpoint.client import make_client
from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.secret_key import Secret

OPTIONS = Wording(
    base_url="--base-url",
    api_key_env="--api-key-env {}",
    no_key="leave --api-key-env out",
    allow="--allow-host {}",
    environment="the environment",
    others="",
)
INCOMPLETE = 3
"""Exit status of a run that left rows without reasoning."""


@dataclass
class Run:
    """What a run has done and may still do."""

    max_calls: int | None
    max_tokens: int | None
    calls: int = 0
    tokens: int = 0
    written: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    left: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    """Rows that were not asked about, by the reason."""

    def spent(self) -> bool:
        return (self.max_calls is not None and self.calls >= self.max_calls) or (
            self.max_tokens is not None and self.tokens >= self.max_tokens
        )


FIRST_FIELD = b'{"image_name"'
"""How every line of ours begins."""


def read_done(file: Path, *, model: str) -> set[tuple[str, str, str]]:
    """Keys that the output has for this model and rubric; a last line that was cut off is removed.

    Raises DataError if the file holds anything else.
    """
    if not file.exists():
        return set()
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    cut_off = data[len(whole) :]
    done = set()
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
            key = row_key(entry["image_name"], entry["question"], entry["answer"])
            if (entry["model"], entry["rubric"]) == (model, rubric()[1]):
                done.add(key)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # also what is no UTF-8
            raise DataError(f"{file.name}, line {number} is no annotation of this tool; name another --out") from error
    if cut_off:
        if not cut_off.startswith(FIRST_FIELD[: len(cut_off)]):
            raise DataError(f"the end of {file.name} is no annotation of this tool; name another --out")
        file.write_bytes(whole)
    return done


def pending(
    files: Sequence[Path], done: set[tuple[str, str, str]], run: Run, *, everything: bool
) -> Iterator[dict[str, Any]]:
    """Rows to ask about, each (image, question, answer) once; the others are counted in `run.passed_over`."""
    seen: set[tuple[str, str, str]] = set()
    for file in files:
        for row in iter_rows(file, ["images", "data_source", "extra_info"]):
            info = row["extra_info"]
            key = row_key(info["image_id"], info["question"], info["answer"])
            if not everything and info["gold_reasoning"] is not None:
                run.passed_over["have gold reasoning (--all asks about them too)"] += 1
            elif not everything and is_yes_no(info["answer"]):
                run.passed_over["are answered by yes or no (--all asks about them too)"] += 1
            elif key in done:
                run.passed_over["were annotated before"] += 1
            elif key in seen:
                run.passed_over["are there twice"] += 1
            else:
                seen.add(key)
                yield row


async def annotate(
    rows: Iterator[dict[str, Any]], out: Path, run: Run, client: openai.AsyncOpenAI, endpoint: Endpoint, key: Secret,
    args: argparse.Namespace,
) -> None:  # fmt: skip
    """Ask about rows, `concurrency` at a time, and append what passes the checks.

    Raises PermissionError for a row that may not go to the endpoint, ValueError for one that does not say so clearly.
    """
    today = datetime.now(timezone.utc).date().isoformat()
    with out.open("a", encoding="utf-8") as stream:

        async def worker() -> None:
            for row in rows:  # shared between the workers; `next` never waits, so two cannot get the same row
                if run.spent():
                    run.left += 1
                    continue
                info = row["extra_info"]
                endpoint.require(may_leave_machine=may_leave_machine(info, row=f"the row of {info['image_id']}"))
                try:
                    reasoning = await _ask(row, client, run, args)
                except BadReply as error:
                    run.failed[error.kind] += 1
                    print(f"{info['image_id']}: {info['question']} -> {key.hide(str(error))[:300]}", file=sys.stderr)
                    continue
                entry = {
                    "image_name": info["image_id"], "question": info["question"], "answer": info["answer"],
                    "reasoning": reasoning, "source": f"{args.model}, rubric {rubric()[1]}, {today}",
                    "model": args.model, "rubric": rubric()[1], "date": today,
                }  # fmt: skip
                stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
                stream.flush()
                run.written += 1

        workers = [asyncio.create_task(worker()) for _ in range(args.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()


async def _ask(row: dict[str, Any], client: openai.AsyncOpenAI, run: Run, args: argparse.Namespace) -> str:
    """One row, asked again up to `attempts` times in all while its reply fails the checks."""
    info = row["extra_info"]
    try:
        image, mime = prepare_image(row["images"][0]["bytes"], args.image_max_pixels)
    except BadImage as error:
        raise BadReply("image", str(error)) from error
    messages = build_messages(info["question"], info["answer"], image, mime)
    for attempt in range(1, args.attempts + 1):
        run.calls += 1
        try:
            reply = await client.chat.completions.create(
                model=args.model, messages=messages, max_tokens=args.max_reply_tokens,
                temperature=args.temperature if attempt == 1 else args.retry_temperature,
            )  # fmt: skip
        except openai.OpenAIError as error:
            raise BadReply("endpoint", f"{type(error).__name__}: {error}") from error
        run.tokens += reply.usage.total_tokens if reply.usage else 0
        content = reply.choices[0].message.content if reply.choices else None
        try:
            return check_reply(content or "", answer=info["answer"])
        except BadReply:
            if attempt == args.attempts or run.spent():
                raise
    raise BadReply("endpoint", "it was not asked")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_preprocess annotate", description=__doc__.split("\n\n")[1],
        formatter_class=Help,
    )  # fmt: skip
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="parquet files of this package")
    add("--out", type=Path, required=True, metavar="FILE", help="JSONL to append to, for --gold-reasoning")
    add("--base-url", required=True, help="endpoint, such as http://127.0.0.1:8000/v1")
    add("--model", required=True, help="name under which the endpoint serves the model")
    add("--api-key-env", metavar="NAME", help="environment variable that holds the key")
    add(
        "--allow-host",
        nargs="+",
        default=[],
        metavar="HOST",
        help="hosts that may see rows marked may_leave_machine=false",
    )
    add("--all", action="store_true", help="yes/no rows and rows that have gold reasoning, too")
    add("--concurrency", type=int, default=8, metavar="N", help="requests at a time")
    add("--attempts", type=int, default=2, metavar="N", help="asks a row while its reply fails the checks")
    add("--max-calls", type=int, metavar="N", help="stop after so many requests")
    add("--max-tokens", type=int, metavar="N", help="stop after so many tokens, as the endpoint counts them")
    add("--max-reply-tokens", type=int, default=1024, metavar="N", help="of one reply")
    add("--temperature", type=float, default=0.0, help="of the first ask")
    add("--retry-temperature", type=float, default=0.7, help="of further asks")
    add("--timeout", type=float, default=120.0, metavar="S", help="of one request")
    add("--retries", type=int, default=3, metavar="N", help="of a request that failed for the moment")
    add("--image-max-pixels", type=int, default=802816, metavar="N", help="larger images are scaled down")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the tool. Returns 0 if every row has reasoning now, 3 if some were left, 1 for what cannot work at all."""
    args = build_parser().parse_args(argv)
    return guarded(lambda: run_annotation(args), resumes=True)


def run_annotation(args: argparse.Namespace) -> int:
    """Raises DataError for files, keys and hosts that cannot work."""
    run = Run(args.max_calls, args.max_tokens)
    try:
        endpoint = Endpoint.of(args.base_url, args.allow_host, OPTIONS)
        key = Secret(read_key(args.api_key_env, OPTIONS))
        done = read_done(args.out, model=args.model)
        asyncio.run(_main(args, run, endpoint, key, done))
    except (PermissionError, ValueError) as error:
        raise DataError(str(error)) from error
    print(f"{run.written} rows annotated, {run.calls} requests, {run.tokens} tokens")
    for reason, count in sorted(run.passed_over.items()):
        print(f"  not asked about: {count} rows that {reason}")
    if run.failed:
        print("failed checks: " + ", ".join(f"{count} {kind}" for kind, count in run.failed.most_common()))
    if run.left:
        print(f"the budget is spent, {run.left} rows are left; run it again to go on")
    return INCOMPLETE if run.left or run.failed else 0


async def _main(args: argparse.Namespace, run: Run, endpoint: Endpoint, key: Secret, done: set) -> None:
    rows = pending(args.files, done, run, everything=args.all)
    async with make_client(endpoint, key=key, timeout_s=args.timeout, max_retries=args.retries) as client:
        await annotate(rows, args.out, run, client, endpoint, key, args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
