"""VQA-RAD (Lau et al. 2018, https://osf.io/89kps/): 2,248 questions about 315 radiology images, CC0-1.0.

    python -m data_preprocess.vqa_rad --source DIR --out data/vqa_rad --open-only

Three layouts of `--source` are told apart by their files:

    osf   `VQA_RAD Dataset Public.json` and `VQA_RAD Image Folder/`           the official release
    hf    `data/{train,test}-*.parquet` of flaviagiammarino/vqa-rad           lower-case text, no image names
    mevf  `trainset.json`, `testset.json`, `images/`                          the MEVF form, train has `frame` rows too

The official split: test = the records whose `phrase_type` starts with `test` (451, of which 200 are open).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text, optional_text, require_fields
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.parquet_shards import hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text_files import read_json_list

INFO = DatasetInfo(
    name="vqa_rad",
    data_source="vqa-rad",
    title="VQA-RAD",
    homepage="https://osf.io/89kps/",
    licence="CC0-1.0",
    citation="Lau, Gayen, Ben Abacha, Demner-Fushman. Scientific Data 5, 180251 (2018).",
    hub="flaviagiammarino/vqa-rad",
    splits=("train", "test"),
    open_test_size=200,
    may_leave_machine=True,
)
JSON_NAMES = ("VQA_RAD Dataset Public.json", "VQA_RAD_Dataset_Public.json")
IMAGE_FOLDERS = ("VQA_RAD Image Folder", "VQA_RAD_Image_Folder", "images")
_FIELDS = ("qid", "phrase_type", "image_name", "question", "answer")


def load(source: Source) -> Loaded:
    """Read whichever of the three layouts `source.folder` holds.

    Raises DataError if it holds none, with the files that were looked for.
    """
    folder = source.folder
    for name in JSON_NAMES:
        if (folder / name).is_file():
            return _load_json(source, {folder / name: None}, layout="osf")
    if (folder / "trainset.json").is_file() or (folder / "testset.json").is_file():
        files = {folder / f"{split}set.json": split for split in INFO.splits}
        return _load_json(source, files, layout="mevf")
    shards = {split: hf_files(folder, split) for split in INFO.splits}
    if any(shards.values()):
        return load_shards(source, shards, ("question", "answer"))
    raise NotThere(
        f"no VQA-RAD in {folder}: there is neither {JSON_NAMES[0]!r} (OSF), nor data/train-*.parquet (Hugging Face), "
        "nor trainset.json with testset.json (MEVF)"
    )


def _load_json(source: Source, files: dict[Path, str | None], *, layout: str) -> Loaded:
    images = source.image_folder(IMAGE_FOLDERS)
    files = {file: split for file, split in files.items() if split is None or source.wants(split)}
    loaded = Loaded(notes=[f"layout {layout}"], files=list(files))
    counts: dict[str, int] = {}
    for file, split in files.items():
        for row, record in enumerate(read_json_list(file)):
            try:
                loaded.records.append(_record(record, row, file, split, images, counts))
            except BadRow as error:
                loaded.bad.append(error.of(split or _split_of(record)))
    return loaded


def _split_of(record: Any) -> str | None:
    """The split of a bad record of the OSF release; None: it does not say."""
    kind = record.get("phrase_type") if isinstance(record, dict) else None
    if not isinstance(kind, str) or not kind.strip():
        return None
    return "test" if kind.strip().startswith("test") else "train"


def _record(record: Any, row: int, file: Path, split: str | None, images: Path, counts: dict[str, int]) -> Record:
    require_fields(record, _FIELDS, file, row)
    if split is None:
        split = "test" if field_text(record, "phrase_type", file, row).startswith("test") else "train"
    index = counts[split] = counts.get(split, -1) + 1
    image = field_text(record, "image_name", file, row)
    answer_type = optional_text(record, "answer_type", file, row)  # trimmed: the release has "CLOSED " twice
    return Record(
        split=split,
        index=index,
        question=field_text(record, "question", file, row),
        answers=(field_text(record, "answer", file, row),),
        image=FileImage(images, image),
        image_id=image,
        file=file.name,
        where=row,
        record_id=optional_text(record, "qid", file, row),
        answer_type=answer_type and answer_type.upper(),
        question_type=optional_text(record, "question_type", file, row),
        organ=optional_text(record, "image_organ", file, row),
    )


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["vqa_rad", *sys.argv[1:]]))
