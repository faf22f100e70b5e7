"""VQA-Med 2019 (Ben Abacha et al., ImageCLEF 2019): 15,292 questions about 4,200 radiology images, CC-BY-4.0.

    python -m data_preprocess.vqa_med_2019 --source DIR --out data/vqa_med_2019 --split test

Official layout, anywhere up to two folders below `--source`:

    VQAMed2019_Test_Questions_w_Ref_Answers.txt   image_id|category|question|answer
    All_QA_Pairs_train.txt, All_QA_Pairs_val.txt  image_id|question|answer
    VQAMed2019_Test_Images/, Train_images/, Val_images/   <image_id>.jpg, beside the file

In test answers `#` separates alternatives and `( )` encloses an optional part; every variant counts as right, and the
answer field itself is kept in `answer_raw`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.delimited import read_fields
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.records import Loaded, Record

INFO = DatasetInfo(
    name="vqa_med_2019",
    data_source="vqa-med-2019",
    title="VQA-Med 2019",
    homepage="https://github.com/abachaa/VQA-Med-2019",
    licence="CC-BY-4.0",
    citation="Ben Abacha, Hasan, Datla, Liu, Demner-Fushman, Müller. VQA-Med at ImageCLEF 2019.",
    hub=None,
    splits=("train", "validation", "test"),
    open_test_size=None,
    may_leave_machine=True,
    caution="Four of its test images are also VQA-RAD images.",
)
CATEGORIES = ("modality", "plane", "organ", "abnormality")
LAYOUT = {
    "train": ("All_QA_Pairs_train.txt", "Train_images"),
    "validation": ("All_QA_Pairs_val.txt", "Val_images"),
    "test": ("VQAMed2019_Test_Questions_w_Ref_Answers.txt", "VQAMed2019_Test_Images"),
}
_OPTIONAL = re.compile(r"\(([^()]*)\)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--category", nargs="+", choices=CATEGORIES, default=list(CATEGORIES), help="categories of the test questions"
    )


def reference_answers(raw: str) -> tuple[str, ...]:
    """Every way to give a test answer: each alternative with its optional parts, then without them.

    >>> reference_answers("(staging burkitt) lymphoma")
    ('staging burkitt lymphoma', 'lymphoma')
    """
    out: dict[str, None] = {}
    for alternative in raw.split("#"):
        whole = " ".join(alternative.replace("(", " ").replace(")", " ").split())
        short = alternative
        while (inner := _OPTIONAL.sub(" ", short)) != short:  # one part may stand in another
            short = inner
        short = " ".join(short.replace("(", " ").replace(")", " ").split())
        out |= dict.fromkeys(text for text in (whole, short) if text)
    return tuple(out)


def load(source: Source) -> Loaded:
    """Raises DataError if none of the three files is there."""
    loaded = Loaded()
    for split, (name, images) in LAYOUT.items():
        if not source.wants(split):
            continue
        file = find_file(source.folder, name)
        if file is None:
            loaded.notes.append(f"no {name}: split {split} is not there")
            continue
        loaded.files.append(file)
        folder = source.images or file.parent / images
        if not folder.is_dir():
            raise NotThere(f"no image folder {images} beside {name}; name it with --images DIR")
        _read(file, split, folder, loaded, source.options["category"])
    if not loaded.files:
        names = ", ".join(name for split, (name, _) in LAYOUT.items() if source.wants(split))
        raise NotThere(f"no VQA-Med 2019 in {source.folder}: looked for {names}")
    return loaded


def find_file(folder: Path, name: str) -> Path | None:
    """A file of that name in the folder or up to two folders below it; the first in alphabetical order."""
    for pattern in (name, f"*/{name}", f"*/*/{name}"):
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    return None


def _read(file: Path, split: str, images: Path, loaded: Loaded, categories: list[str]) -> None:
    names = ("image_id", "category", "question", "answer") if split == "test" else ("image_id", "question", "answer")
    skipped = 0
    for index, (line, values) in enumerate(read_fields(file, len(names))):
        try:
            if isinstance(values, BadRow):
                raise values
            fields = dict(zip(names, values, strict=True))
            image = field_text(fields, "image_id", file, line)
            raw = field_text(fields, "answer", file, line)
            answers = reference_answers(raw) if split == "test" else (raw,)
            if not answers:
                raise BadRow(file, line, f"answer {raw!r} holds no text")
            record = Record(
                split=split,
                index=index,
                question=field_text(fields, "question", file, line),
                answers=answers,
                answer_raw=raw if answers != (raw,) else None,
                image=FileImage(images, f"{image}.jpg"),
                image_id=f"{image}.jpg",
                file=file.name,
                where=line,
                question_type=fields.get("category"),
            )
        except BadRow as error:
            loaded.bad.append(error.of(split))
            continue
        if record.question_type is None or record.question_type in categories:
            loaded.records.append(record)
        else:
            skipped += 1
    if skipped:
        loaded.notes.append(f"{split}: {skipped} questions of other categories left out (--category)")


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["vqa_med_2019", *sys.argv[1:]]))
