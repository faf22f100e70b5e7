"""VQA-Med 2021 (Ben Abacha et al., ImageCLEF 2021), test set: 500 questions about abnormalities, one per image.

    python -m data_preprocess.vqa_med_2021 --source DIR --out data/vqa_med_2021

The study uses the 425 questions with a single reference answer; `--references all` keeps the other 75 with all theirs.
Two layouts of `--source` are told apart by their files:

    official   `Task1-VQA-2021-TestSet-w-GroundTruth.zip`, unzipped:
               `…-TestSet-Questions.txt` image_id|question, `…-TestSet-ReferenceAnswers.txt` image_id|answer[|answer…],
               `VQA-500-Images/<image_id>.jpg`
    hf         parquet with the columns image, question, answer

No licence is stated with the release, so nothing of it is shipped here; the loader is tested on files made in the
form above.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.delimited import read_fields
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.parquet_shards import ShardRow, hf_files
from data_preprocess.source.parquet_shards import load as load_shards
from data_preprocess.source.records import Loaded, Record
from data_preprocess.source.text import clean
from data_preprocess.vqa_med_2019 import find_file

INFO = DatasetInfo(
    name="vqa_med_2021",
    data_source="vqa-med-2021",
    title="VQA-Med 2021",
    homepage="https://github.com/abachaa/VQA-Med-2021",
    licence="none stated",
    citation="Ben Abacha, Sarrouti, Demner-Fushman, Hasan, Müller. VQA-Med at ImageCLEF 2021.",
    hub=None,
    splits=("test",),
    open_test_size=425,
    may_leave_machine=True,
    caution="Some of its test images are also VQA-RAD images.",
)
REFERENCES = ("single", "all")
QUESTIONS = ("*TestSet-Questions.txt", "*Questions.txt")
ANSWERS = ("*TestSet-ReferenceAnswers.txt", "*ReferenceAnswers*.txt")
IMAGES = ("VQA-500-Images", "images/VQA-500-Images", "images")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--references", choices=REFERENCES, default="single", help="single: the questions with one reference answer"
    )


def load(source: Source) -> Loaded:
    """Raises DataError if neither layout is there, BadRow entries for questions without an answer."""
    questions, answers = (
        next((file for name in names if (file := find_file(source.folder, name))), None)
        for names in (QUESTIONS, ANSWERS)
    )
    if questions and answers:
        return _load_official(source, questions, answers)
    shards = hf_files(source.folder, "test")
    if shards:
        notes = ["layout hf; it holds single-reference questions only"]
        return load_shards(source, {"test": shards}, ("question", "answer"), _of_shard, notes=notes)
    raise NotThere(
        f"no VQA-Med 2021 in {source.folder}: looked for {QUESTIONS[0]} with {ANSWERS[0]} (unzip the test set first) "
        "and for data/test-*.parquet"
    )


def _load_official(source: Source, questions: Path, answers: Path) -> Loaded:
    loaded = Loaded(notes=["layout official"], files=[questions, answers])
    folder = source.images or next((p for name in IMAGES if (p := questions.parent / name).is_dir()), None)
    if folder is None:
        raise NotThere(
            f"no image folder beside {questions.name}: looked for {', '.join(IMAGES)}; name it with --images DIR"
        )
    references: dict[str, tuple[str, ...]] = {}
    for line, values in read_fields(answers, None):
        if isinstance(values, BadRow):
            loaded.bad.append(values)
            continue
        image = values[0].strip()
        if image in references:
            loaded.bad.append(BadRow(answers, line, f"a second answer line for {image}"))
        references[image] = tuple(dict.fromkeys(filter(None, map(clean, values[1:]))))
    several = 0
    seen: set[str] = set()
    for index, (line, values) in enumerate(read_fields(questions, 2)):
        try:
            if isinstance(values, BadRow):
                raise values
            image = values[0].strip()
            if image in seen:
                raise BadRow(questions, line, f"a second question for {image}; answers are keyed by image")
            seen.add(image)
            if not references.get(image):
                raise BadRow(questions, line, f"{answers.name} has no answer for {image}")
            record = Record(
                split="test",
                index=index,
                question=field_text({"question": values[1]}, "question", questions, line),
                answers=references[image],
                image=FileImage(folder, f"{image}.jpg"),
                image_id=f"{image}.jpg",
                file=questions.name,
                where=line,
                question_type="abnormality",
            )
        except BadRow as error:
            loaded.bad.append(error)
            continue
        if source.options["references"] == "single" and len(record.answers) > 1:
            several += 1
        else:
            loaded.records.append(record)
    if several:
        loaded.notes.append(f"test: {several} questions with several reference answers left out (--references)")
    return loaded


def _of_shard(row: ShardRow) -> Record:
    return row.record(question_type="abnormality")


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["vqa_med_2021", *sys.argv[1:]]))
