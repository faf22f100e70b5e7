"""MIMIC-CXR-VQA (Bae et al. 2023, PhysioNet mimic-ext-mimic-cxr-vqa 1.0.0), from the user's own credentialed copy.

    python -m data_preprocess.mimic_cxr_vqa --source DIR --images MIMIC_CXR_JPG/files --out data/mimic_cxr_vqa

PhysioNet's terms forbid passing records or images on, to a model behind a public API too: every row is marked
`may_leave_machine: false`, and a judge outside this machine is not shown it. `--source` holds `train.json`,
`valid.json` and `test.json` (or `dataset/` with them); `image_path` of a record is looked up under `--images`.

The study reports 1,724 test questions; how they were chosen is not published, so that size is printed beside the
size found and not forced. An answer is a list of texts; several are joined by commas, and questions whose list is empty
(nothing of the kind is there) are left out and counted, unless `--empty-answer` gives them a text.

No file of the release was available when this was written: the loader is tested on files made in the documented form.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text, optional_text, require_fields
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text import clean
from data_preprocess.source.text_files import read_json_list

INFO = DatasetInfo(
    name="mimic_cxr_vqa",
    data_source="mimic-cxr-vqa",
    title="MIMIC-CXR-VQA",
    homepage="https://physionet.org/content/mimic-ext-mimic-cxr-vqa/1.0.0/",
    licence="PhysioNet Credentialed Health Data License 1.5.0",
    citation="Bae, Kyung, Ryu, et al. EHRXQA, NeurIPS 2023 Datasets and Benchmarks, arXiv 2310.18652.",
    hub=None,
    splits=("train", "validation", "test"),
    open_test_size=1724,
    may_leave_machine=False,
    caution="Credentialed data: neither records nor images may leave the machine.",
)
FILES = {"train": "train.json", "validation": "valid.json", "test": "test.json"}
_FIELDS = ("image_id", "question", "answer", "image_path")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--empty-answer", metavar="TEXT", help="answer of questions whose answer list is empty")


def load(source: Source) -> Loaded:
    """Raises NotThere if there is no record file, or no image folder."""
    folder = next((f for name in (".", "dataset", "mimiccxrvqa/dataset") if _any(f := source.folder / name)), None)
    if folder is None:
        raise NotThere(f"no MIMIC-CXR-VQA in {source.folder}: looked for {', '.join(FILES.values())}, in dataset/ too")
    images = source.image_folder(("files", "images"))
    loaded = Loaded(notes=["rows are marked may_leave_machine: false"])
    for split, name in FILES.items():
        if not source.wants(split):
            continue
        file = folder / name
        if not file.is_file():
            loaded.notes.append(f"no {name}: split {split} is not there")
            continue
        loaded.files.append(file)
        empty = 0
        for row, values in enumerate(read_json_list(file)):
            try:
                record = _record(values, row, file, split, images, source.options["empty_answer"])
            except BadRow as error:
                loaded.bad.append(error.of(split))
                continue
            if record is None:
                empty += 1
            else:
                loaded.records.append(record)
        if empty:
            loaded.notes.append(f"{split}: {empty} questions with an empty answer list left out (--empty-answer)")
    return loaded


def _any(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILES.values())


def _record(values: Any, row: int, file: Path, split: str, images: Path, empty: str | None) -> Record | None:
    require_fields(values, _FIELDS, file, row)
    answer = values["answer"]
    try:
        parts = [text for part in (answer if isinstance(answer, list) else [answer]) if (text := clean(part))]
    except TypeError as error:
        raise BadRow(file, row, f"answer: {error}") from error
    if not parts:
        if not isinstance(answer, list):
            raise BadRow(file, row, "answer is empty")
        if empty is None:
            return None
        parts = [empty]
    kind = optional_text(values, "semantic_type", file, row)
    return Record(
        split=split,
        index=row,
        question=field_text(values, "question", file, row),
        answers=(", ".join(parts),),
        image=FileImage(images, field_text(values, "image_path", file, row)),
        image_id=field_text(values, "image_id", file, row),
        file=file.name,
        where=row,
        record_id=optional_text(values, "idx", file, row),
        answer_type="CLOSED" if kind == "verify" else "OPEN",
        question_type=optional_text(values, "content_type", file, row),
        modality="X-Ray",
        organ="Chest",
    )


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["mimic_cxr_vqa", *sys.argv[1:]]))
