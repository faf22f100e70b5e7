"""SLAKE (Liu et al. 2021, https://www.med-vqa.com/slake/): 14,028 questions about 642 images, CC-BY-4.0.

    python -m data_preprocess.slake --source DIR --out data/slake --open-only

`--source` holds `train.json`, `validation.json` (the original zip says `validate.json`), `test.json`, and `imgs/` or
`imgs.zip`. English has 4,919 / 1,053 / 1,061 questions; 706 of the English test questions are not yes/no, and that
count includes the knowledge questions (`base_type` kvqa), so they are kept unless `--knowledge` says otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.reasoning.slake_rules import RULES_SOURCE, rule_reasoning
from data_preprocess.source.errors import BadRow, NotThere
from data_preprocess.source.fields import field_text, optional_text, require_fields
from data_preprocess.source.records import ImageRef, Loaded, Record
from data_preprocess.source.text_files import read_json_list

INFO = DatasetInfo(
    name="slake",
    data_source="slake",
    title="SLAKE",
    homepage="https://www.med-vqa.com/slake/",
    licence="CC-BY-4.0",
    citation="Liu, Zhan, Xu, Ma, Yang, Wu. SLAKE, ISBI 2021, arXiv 2102.09542.",
    hub="BoKelvin/SLAKE",
    hub_patterns=("train.json", "validation.json", "test.json", "imgs.zip"),
    splits=("train", "validation", "test"),
    open_test_size=706,
    may_leave_machine=True,
    caution="English test images also occur in the Chinese train part (72 of 96): train on one language, or drop them.",
)
FILES = {"train": ("train.json",), "validation": ("validation.json", "validate.json"), "test": ("test.json",)}
LANGUAGES = ("en", "zh")
KNOWLEDGE = ("include", "exclude", "only")
_FIELDS = ("img_name", "question", "answer", "q_lang", "answer_type", "base_type")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", nargs="+", choices=LANGUAGES, default=["en"], help="languages of the questions")
    parser.add_argument(
        "--knowledge", choices=KNOWLEDGE, default="include", help="knowledge questions (base_type kvqa)"
    )
    parser.add_argument(
        "--rule-reasoning", action="store_true", help="gold reasoning made by rules from modality, location and triple"
    )


def load(source: Source) -> Loaded:
    """Raises DataError if a record file or the images are missing or broken."""
    image = source.image_maker(("imgs",), ("imgs.zip",))
    loaded = Loaded(notes=[f"languages {', '.join(source.options['language'])}"])
    for split, names in FILES.items():
        if not source.wants(split):
            continue
        file = next((source.folder / name for name in names if (source.folder / name).is_file()), None)
        if file is None:
            raise NotThere(f"no SLAKE in {source.folder}: {' or '.join(names)} is missing")
        loaded.files.append(file)
        index = dict.fromkeys(LANGUAGES, -1)
        skipped = 0
        for row, values in enumerate(read_json_list(file)):
            try:
                record = _record(values, row, file, split, index, image, source.options["rule_reasoning"])
            except BadRow as error:
                loaded.bad.append(error.of(split))
                continue
            knowledge = values["base_type"] == "kvqa"
            wanted = source.options["knowledge"] == "include" or knowledge == (source.options["knowledge"] == "only")
            if record.language in source.options["language"] and wanted:
                loaded.records.append(record)
            else:
                skipped += 1
        if skipped:
            loaded.notes.append(
                f"{split}: {skipped} records of another language or kind left out (--language, --knowledge)"
            )
    return loaded


def _record(
    values: Any, row: int, file: Path, split: str, index: dict[str, int], image: Callable[[str], ImageRef], rules: bool
) -> Record:
    require_fields(values, _FIELDS, file, row)
    language = field_text(values, "q_lang", file, row)
    if language not in LANGUAGES:
        raise BadRow(file, row, f"q_lang {language!r} is not one of {', '.join(LANGUAGES)}")
    index[language] += 1
    name = field_text(values, "img_name", file, row)
    triple = values.get("triple")
    if triple is not None and not (isinstance(triple, list) and all(isinstance(part, str) for part in triple)):
        raise BadRow(file, row, "triple must be a list of three texts")
    record = Record(
        split=split,
        index=index[language],
        question=field_text(values, "question", file, row),
        answers=(field_text(values, "answer", file, row),),
        image=image(name),
        image_id=name,
        file=file.name,
        where=row,
        record_id=optional_text(values, "qid", file, row),
        answer_type=field_text(values, "answer_type", file, row).upper(),
        question_type=optional_text(values, "content_type", file, row),
        modality=optional_text(values, "modality", file, row),
        organ=optional_text(values, "location", file, row),
        language=language,
        context=None if values["base_type"] != "kvqa" or triple is None else " | ".join(triple),
    )
    return with_rule_reasoning(record, triple) if rules else record


def with_rule_reasoning(record: Record, triple: list[str] | None) -> Record:
    text = rule_reasoning(record, triple)
    return record if text is None else replace(record, rule_reasoning=text, rule_source=RULES_SOURCE)


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["slake", *sys.argv[1:]]))
