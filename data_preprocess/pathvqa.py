"""PathVQA (He et al. 2020, https://github.com/UCSD-AI4H/PathVQA): 32,799 questions about 4,998 pathology images.

    python -m data_preprocess.pathvqa --source DIR --out data/pathvqa --open-only

Three layouts of `--source` are told apart by their files:

    hf       `data/{train,validation,test}-*.parquet` of flaviagiammarino/path-vqa    19,654 / 6,259 / 6,719 questions
    pickle   `qas/{train,val,test}/{split}_qa.pkl` and `images/{split}/*.jpg`         the official release
    lxmert   `pvqa_{train,val,test}.json` and `images/{split}/*.jpg`                  the form of its LXMERT baseline

3,357 test questions of the Hugging Face version are not yes/no; it has duplicates removed that the other two still hold
(`--drop-duplicates`). The pickles are read without running code in them (safe_pickle.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, DataError, NotThere
from data_preprocess.source.fields import field_text, require_fields
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.parquet_shards import hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.safe_pickle import read_plain_pickle
from data_preprocess.source.text_files import read_json_list

INFO = DatasetInfo(
    name="pathvqa",
    data_source="pathvqa",
    title="PathVQA",
    homepage="https://github.com/UCSD-AI4H/PathVQA",
    licence="MIT (repository and Hugging Face card)",
    citation="He, Zhang, Mou, Xing, Xie. PathVQA, arXiv 2003.10286 (2020).",
    hub="flaviagiammarino/path-vqa",
    splits=("train", "validation", "test"),
    open_test_size=3357,
    may_leave_machine=True,
    caution="The images' copyright is the textbook publishers' and PEIR's: do not pass them on.",
)
SHORT = {"train": "train", "validation": "val", "test": "test"}
"""The official release says val."""


def load(source: Source) -> Loaded:
    """Raises DataError if the folder holds none of the layouts, or a file of it is broken."""
    for folder in (source.folder, source.folder / "pvqa"):
        pickles = {split: folder / "qas" / short / f"{short}_qa.pkl" for split, short in SHORT.items()}
        if any(file.is_file() for file in pickles.values()):
            return _load_files(source, folder, pickles, layout="pickle")
        lists = {split: folder / f"pvqa_{short}.json" for split, short in SHORT.items()}
        if any(file.is_file() for file in lists.values()):
            return _load_files(source, folder, lists, layout="lxmert")
    shards = {split: hf_files(source.folder, split) for split in INFO.splits}
    if any(shards.values()):
        return load_shards(source, shards, ("question", "answer"))
    raise NotThere(
        f"no PathVQA in {source.folder}: there is neither data/train-*.parquet (Hugging Face), nor "
        "qas/train/train_qa.pkl (official), nor pvqa_train.json (LXMERT form)"
    )


def _load_files(source: Source, folder: Path, files: dict[str, Path], *, layout: str) -> Loaded:
    loaded = Loaded(notes=[f"layout {layout}"])
    images = source.images or folder / "images"
    if not images.is_dir():
        raise NotThere(f"no image folder {images.name} in {folder}; name it with --images DIR")
    for split, file in files.items():
        if not source.wants(split):
            continue
        if not file.is_file():
            loaded.notes.append(f"no {file.name}: split {split} is not there")
            continue
        loaded.files.append(file)
        items = _pickle_items(file) if layout == "pickle" else _lxmert_items(file)
        for index, (where, values) in enumerate(items):
            try:
                if isinstance(values, BadRow):
                    raise values
                stem = field_text(values, "image", file, where)
                loaded.records.append(
                    Record(
                        split=split,
                        index=index,
                        question=field_text(values, "question", file, where),
                        answers=(field_text(values, "answer", file, where),),
                        image=FileImage(images, f"{SHORT[split]}/{stem}.jpg"),
                        image_id=f"{stem}.jpg",
                        file=file.name,
                        where=where,
                    )
                )
            except BadRow as error:
                loaded.bad.append(error.of(split))
    return loaded


def _pickle_items(file: Path) -> Iterator[tuple[int, Any]]:
    content = read_plain_pickle(file)
    if not isinstance(content, list):
        raise DataError(f"{file.name} must hold a list of records, not {type(content).__name__}")
    for row, values in enumerate(content):
        try:
            require_fields(values, ("image", "question", "answer"), file, row)
        except BadRow as error:
            values = error
        yield row, values


def _lxmert_items(file: Path) -> Iterator[tuple[str, Any]]:
    """One item per question; `labelf.pvqa[i]`, a dict {answer: 1}, belongs to `sentf.pvqa[i]`."""
    for row, record in enumerate(read_json_list(file)):
        where = f"row {row}"
        try:
            require_fields(record, ("img_id", "labelf", "sentf"), file, where)
            labels, questions = (_aligned(record[name], name, file, where) for name in ("labelf", "sentf"))
            if len(labels) != len(questions):
                raise BadRow(
                    file, where, f"{len(questions)} questions but {len(labels)} answers; the lists must be aligned"
                )
        except BadRow as error:
            yield where, error
            continue
        for number, (label, question) in enumerate(zip(labels, questions, strict=True)):
            here = f"{where}, question {number}"
            if not isinstance(label, dict) or len(label) != 1:
                yield here, BadRow(file, here, "an answer must be an object with one key")
                continue
            yield here, {"image": record["img_id"], "question": question, "answer": next(iter(label))}


def _aligned(value: Any, name: str, file: Path, where: str) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get("pvqa"), list):
        raise BadRow(file, where, f"{name} must hold a list under pvqa")
    return value["pvqa"]


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["pathvqa", *sys.argv[1:]]))
