"""Quilt-VQA (Seyfioglu et al. 2024, https://quilt-llava.github.io): 1,283 questions about histopathology video frames.

    python -m data_preprocess.quilt_vqa --source DIR --out data/quilt_vqa --open-only

CC BY-NC-ND 3.0 and gated: get it with your own account, and pass nothing of it on. `--source` holds the parquet files
(columns image, question, answer, answer_type, context) or `quiltvqa_test_w_ans.json` with its images (`--images`).
`--open-only` keeps answer_type OPEN (940 in the full set). The study reports 724 questions; how they were chosen is not
published, so that size is printed beside the size found and not forced.

No file of the release was available when this was written: the loader is tested on files made in the documented form.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text, optional_text, require_fields
from data_preprocess.source.parquet_shards import ShardRow, hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text_files import read_json_list

INFO = DatasetInfo(
    name="quilt_vqa",
    data_source="quilt-vqa",
    title="Quilt-VQA",
    homepage="https://huggingface.co/datasets/wisdomik/Quilt_VQA",
    licence="CC-BY-NC-ND-3.0",
    citation="Seyfioglu, Ikezogwo, Ghezloo, Krishna, Shapiro. Quilt-LLaVA, CVPR 2024, arXiv 2312.04746.",
    hub="wisdomik/Quilt_VQA",
    splits=("test",),
    open_test_size=724,
    may_leave_machine=True,
    caution="Gated, no derivatives may be distributed: do not pass on anything made from it.",
)
JSON_NAME = "quiltvqa_test_w_ans.json"


def load(source: Source) -> Loaded:
    """Raises DataError if neither form is there. The one split is called train or test, depending on the copy."""
    parquet = hf_files(source.folder, "test") or hf_files(source.folder, "train")
    if parquet:
        columns = ("question", "answer", "answer_type")
        return load_shards(source, {"test": parquet}, columns, _of_shard, optional=("context",), originals="*")
    file = source.folder / JSON_NAME
    if file.is_file():
        return _load_json(source, file)
    raise NotThere(f"no Quilt-VQA in {source.folder}: looked for data/*.parquet and {JSON_NAME}")


def _of_shard(row: ShardRow) -> Record:
    facts = {"answer_type": answer_type(row.values, row.file, row.where), "context": row.optional("context")}
    return row.record(**facts, open_by_type=True)


def _load_json(source: Source, file: Path) -> Loaded:
    image_of = source.image_maker(("quilt_vqa", "images"), ("quilt_vqa.zip",))
    loaded = Loaded(notes=["layout json"], files=[file])
    for row, values in enumerate(read_json_list(file)):
        try:
            require_fields(values, ("image", "question", "answer", "answer_type"), file, row)
            name = field_text(values, "image", file, row)
            loaded.records.append(
                Record(
                    split="test",
                    index=row,
                    question=field_text(values, "question", file, row),
                    answers=(field_text(values, "answer", file, row),),
                    image=image_of(name),
                    image_id=name,
                    file=file.name,
                    where=row,
                    answer_type=answer_type(values, file, row),
                    open_by_type=True,
                    context=optional_text(values, "context", file, row),
                )
            )
        except BadRow as error:
            loaded.bad.append(error.of("test"))
    return loaded


def answer_type(values: dict[str, Any], file: Path, where: int) -> str:
    """OPEN or CLOSED, as the source says: a closed answer is a sentence ("Yes, the …"), so its text tells nothing."""
    kind = field_text(values, "answer_type", file, where).upper()
    if kind not in ("OPEN", "CLOSED"):
        raise BadRow(file, where, f"answer_type {kind!r} is neither OPEN nor CLOSED")
    return kind


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["quilt_vqa", *sys.argv[1:]]))
