"""Annotating rows: which are asked about, one request after another, and the file that holds what came of it."""

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

from data_preprocess.reasoning.annotation import BadReply, build_messages, check_reply, rubric
from data_preprocess.source.errors import DataError
from data_preprocess.source.text import is_yes_no, row_key
from data_preprocess.tools.rows import iter_questions
from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.endpoint.secret_key import Secret


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
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # also what is no UTF-8
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
        for row in iter_questions(file):
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
