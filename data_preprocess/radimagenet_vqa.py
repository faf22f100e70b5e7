"""RadImageNet-VQA (arXiv 2512.17396, https://huggingface.co/datasets/raidium/RadImageNet-VQA), benchmark test set.

    python -m data_preprocess.radimagenet_vqa --source DIR --out data/radimagenet_vqa

Of the 9,000 benchmark questions (2,000 multiple choice, 5,000 closed, 2,000 open) the open ones are very probably the
study's "Rad-VQA"; `--question-kind` takes others too. `--source` holds `benchmark/test-*.parquet` with the columns
image, question, choices, answer, question_type, metadata.

No file of the release was available when this was written: the loader is tested on files made in the documented form.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import NotThere
from data_preprocess.source.fields import optional_text
from data_preprocess.source.parquet_shards import ShardRow, hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record

INFO = DatasetInfo(
    name="radimagenet_vqa",
    data_source="radimagenet-vqa",
    title="RadImageNet-VQA",
    homepage="https://huggingface.co/datasets/raidium/RadImageNet-VQA",
    licence="Apache-2.0 (Hugging Face card)",
    citation="RadImageNet-VQA, arXiv 2512.17396 (2025).",
    hub="raidium/RadImageNet-VQA",
    hub_patterns=("benchmark/*.parquet",),
    splits=("test",),
    open_test_size=2000,
    may_leave_machine=True,
)
FACTS = ("question_id", "content_type", "modality", "location", "pathology")
"""Columns of its metadata."""
KINDS = ("open", "closed", "multiple_choice")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--question-kind", nargs="+", choices=KINDS, default=["open"], help="kinds of questions")


def load(source: Source) -> Loaded:
    """Raises NotThere if there is no benchmark test file."""
    files = next((f for name in ("benchmark", ".") if (f := hf_files(source.folder / name, "test"))), None)
    if not files:
        raise NotThere(f"no RadImageNet-VQA in {source.folder}: looked for benchmark/test-*.parquet")
    wanted, left_out = source.options["question_kind"], Counter()

    def record(row: ShardRow) -> Record | None:
        kind = row.text("question_type")
        if kind not in KINDS:
            raise row.bad(f"question_type {kind!r} is not one of {', '.join(KINDS)}")
        if kind not in wanted:
            left_out[kind] += 1
            return None
        facts = row.values.get("metadata") or {}
        if not isinstance(facts, dict):
            raise row.bad(f"metadata must be an object, not {type(facts).__name__}")
        told = {name: optional_text(facts, name, row.file, row.where) for name in FACTS}
        return row.record(
            record_id=told["question_id"],
            answer_type="CLOSED" if kind == "closed" else "OPEN",
            question_type=told["content_type"] or kind,
            modality=told["modality"],
            organ=told["location"],
            context=told["pathology"],
        )

    columns = ("question", "answer", "question_type")
    loaded = load_shards(source, {"test": files}, columns, record, optional=("metadata",), originals="*", notes=())
    if left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))
        loaded.notes.append(f"test: {left_out.total()} questions of other kinds left out (--question-kind): {kinds}")
    return loaded


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["radimagenet_vqa", *sys.argv[1:]]))
