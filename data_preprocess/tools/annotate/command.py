"""`python -m data_preprocess annotate FILE --out gold.jsonl --base-url URL --model NAME`: gold reasoning by a model.

Each open row without gold reasoning is sent to an OpenAI-compatible endpoint (image, question, answer in; 3 to 8 steps
out). The reply is checked (reasoning/annotation.py); what passes becomes a line of `--out` with model, rubric version
and date, ready for `--gold-reasoning`. The file is the cache: its rows of this model and rubric are not asked again, so
an interrupted or stopped run goes on where it was. Rows marked may_leave_machine=false go to this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from data_preprocess.command.exit_status import guarded
from data_preprocess.command.numbers import positive
from data_preprocess.command.outputs import refuse_overwriting
from data_preprocess.source.errors import DataError
from data_preprocess.tools.annotate.asking import Model
from data_preprocess.tools.annotate.counts import Run
from data_preprocess.tools.annotate.run import annotate, pending, read_done
from recipe.mrpo.common.help_text import Help
from recipe.mrpo.common.signals import Stopped
from recipe.mrpo.endpoint.address import Endpoint, EndpointError, read_key
from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.command_line import IMAGE_MAX_PIXELS, fault_by_option
from recipe.mrpo.endpoint.secret_key import Secret

INCOMPLETE = 3
"""Exit status of a run that left rows without reasoning."""


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
    add("--concurrency", type=positive, default=8, metavar="N", help="requests at a time")
    add("--attempts", type=positive, default=2, metavar="N", help="asks a row while its reply fails the checks")
    add("--max-calls", type=positive, metavar="N", help="stop after so many requests")
    add("--max-tokens", type=positive, metavar="N", help="stop after so many tokens, as the endpoint counts them")
    add("--max-reply-tokens", type=positive, default=1024, metavar="N", help="of one reply")
    add("--temperature", type=float, default=0.0, help="of the first ask")
    add("--retry-temperature", type=float, default=0.7, help="of further asks")
    add("--timeout", type=float, default=120.0, metavar="S", help="of one request")
    add("--retries", type=int, default=3, metavar="N", help="of a request that failed for the moment")
    add(
        "--image-max-pixels", type=positive, default=IMAGE_MAX_PIXELS, metavar="N", help="larger images are scaled down"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the tool. Returns 0 if every row has reasoning now, 3 if some were left, 1 if it cannot work at all."""
    args = build_parser().parse_args(argv)
    return guarded(lambda: run_annotation(args), resumes=True)


def run_annotation(args: argparse.Namespace) -> int:
    """Raises DataError for files, keys and hosts that cannot work."""
    refuse_overwriting([args.out], args.files)
    run = Run(args.max_calls, args.max_tokens)
    try:
        endpoint = Endpoint.of(args.base_url, args.allow_host)
        key = Secret(read_key(args.api_key_env))
        done = read_done(args.out, model=args.model)
        asyncio.run(_main(args, run, endpoint, key, done))
    except EndpointError as error:
        raise DataError(fault_by_option(error)) from None
    except (PermissionError, ValueError) as error:
        raise DataError(str(error)) from error
    except Stopped:
        print(run.summary())
        raise
    print(run.summary())
    return INCOMPLETE if run.left or run.failed else 0


async def _main(args: argparse.Namespace, run: Run, endpoint: Endpoint, key: Secret, done: set) -> None:
    rows = pending(args.files, done, run, everything=args.all)
    client = ChatClient(endpoint, key=key, timeout_s=args.timeout)
    try:
        await annotate(rows, args.out, run, Model(client, key, run, args))
    finally:
        await client.close()
