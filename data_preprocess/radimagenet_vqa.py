"""RadImageNet-VQA (arXiv 2512.17396, https://huggingface.co/datasets/raidium/RadImageNet-VQA), benchmark test set.

    python -m data_preprocess.radimagenet_vqa --source DIR --out data/radimagenet_vqa

Of the 9,000 benchmark questions (2,000 multiple choice, 5,000 closed, 2,000 open) the open ones are very probably the
study's "Rad-VQA"; `--question-kind` takes others too. `--source` holds `benchmark/test-*.parquet` with the columns
image, question, choices, answer, question_type, metadata.

No file of it could be had when this was written: the loader is tested on files made in the documented form.
"""

from __future__ import annotations

import argparse
import sys

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.readers import field_text, hf_files, hf_rows, name_of, names_by_bytes, optional_text
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
)
KINDS = ("open", "closed", "multiple_choice")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--question-kind", nargs="+", choices=KINDS, default=["open"], help="kinds of questions")


def load(source: Source) -> Loaded:
    """Raises DataError if there is no benchmark test file."""
    files = next((f for name in ("benchmark", ".") if (f := hf_files(source.folder / name, "test"))), None)
    if not files:
        raise DataError(f"no RadImageNet-VQA in {source.folder}: looked for benchmark/test-*.parquet")
    loaded, index, skipped = Loaded(files=files), -1, 0
    names = names_by_bytes(source.named_images, "*")
    for file in files:
        for row, values, image in hf_rows(file, ("question", "answer", "question_type"), image="image"):
            index += 1
            try:
                kind = field_text(values, "question_type", file, row)
                if kind not in KINDS:
                    raise BadRow(file, row, f"question_type {kind!r} is none of {', '.join(KINDS)}")
                if kind not in source.options["question_kind"]:
                    skipped += 1
                    continue
                facts = values.get("metadata") or {}
                if not isinstance(facts, dict):
                    raise BadRow(file, row, f"metadata must be an object, not {type(facts).__name__}")
                loaded.records.append(
                    Record(
                        split="test",
                        index=index,
                        question=field_text(values, "question", file, row),
                        answers=(field_text(values, "answer", file, row),),
                        image=image,
                        image_id=name_of(image, names),
                        file=file.name,
                        where=row,
                        record_id=optional_text(facts, "question_id", file, row),
                        answer_type="CLOSED" if kind == "closed" else "OPEN",
                        question_type=optional_text(facts, "content_type", file, row) or kind,
                        modality=optional_text(facts, "modality", file, row),
                        organ=optional_text(facts, "location", file, row),
                        context=optional_text(facts, "pathology", file, row),
                    )
                )
            except BadRow as error:
                loaded.bad.append(error)
    if skipped:
        loaded.notes.append(f"test: {skipped} questions of other kinds left out (--question-kind)")
    return loaded


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["radimagenet_vqa", *sys.argv[1:]]))
