"""One's own data: CSV, JSON, JSONL or parquet files, and a small mapping file that says what is what.

    python -m data_preprocess.own --source DIR --mapping mapping.yaml --out data/mine

What a mapping says: EPILOG, which `--help` shows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from data_preprocess.convert.schema import SPLITS
from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.image_refs import FileImage
from data_preprocess.source.readers import field_text, hf_rows, name_of, optional_text, read_csv, read_json_list
from data_preprocess.source.records import ImageRef, Loaded, Record

INFO = DatasetInfo(
    name="own",
    data_source="own",
    title="Your own data",
    homepage="",
    licence="yours",
    citation="",
    hub=None,
    splits=SPLITS,
    open_test_size=None,
    may_leave_machine=False,
)
REQUIRED = ("question", "answer", "image")
OPTIONAL = (
    "split", "record_id", "answer_type", "question_type", "modality", "organ", "language", "context", "gold_reasoning",
    "gold_source",
)  # fmt: skip
KEYS = ("name", "file", "images", "columns", "optional_columns", "split", "splits", "alternatives", "licence",
        "may_leave_machine")  # fmt: skip
EPILOG = f"""A mapping (examples/data/own_sample/mapping.yaml is a worked one; see data_preprocess/README.md, too):

    name: my-hospital                # verl's data_source
    file: questions.csv              # in --source: .csv, .json (a list), .jsonl, .parquet (Hugging Face form); * too
    images: pictures                 # folder in --source; parquet files hold their images themselves
    columns: {{question: Frage, answer: Antwort, image: Datei}}
    # from here on optional
    optional_columns: {{split: part, record_id: id, modality: device, organ: region, gold_reasoning: why}}
    split: train                     # of rows without a split column
    splits: {{training: train, dev: validation}}   # what the split column calls them
    alternatives: "#"                # separates alternative answers
    licence: internal
    may_leave_machine: false         # default: false, because nobody else can know

Optional columns are {", ".join(OPTIONAL[:6])},
{", ".join(OPTIONAL[6:])}.

A data set of the Hugging Face hub is its downloaded folder, with a file name for each split:

    hf download --repo-type dataset OWNER/NAME --local-dir DIR
    file: {{train: data/train-*.parquet, test: data/test-*.parquet}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mapping", type=Path, required=True, metavar="FILE", help="what your columns mean (YAML)")


def load(source: Source) -> Loaded:
    """Raises DataError for a mapping or a file that makes no sense, with the names that are known."""
    mapping = read_mapping(source.options["mapping"])
    loaded = Loaded(
        data_source=mapping["name"],
        licence=str(mapping.get("licence", INFO.licence)),
        may_leave_machine=mapping.get("may_leave_machine", INFO.may_leave_machine),
    )
    loaded.files.append(source.options["mapping"])
    index: dict[str, int] = {}
    seen: dict[str, Any] = {}
    by_column = "split" in mapping["optional_columns"]
    for file, split in _files(mapping, source.folder, wants=(lambda split: True) if by_column else source.wants):
        loaded.files.append(file)
        for where, values, image in _rows(file, mapping):
            try:
                if isinstance(values, BadRow):
                    raise values
                record = _record(values, image, where, file, split, mapping, index, source)
                place = (file.name, where)
                if record.record_id is not None and seen.setdefault(record.record_id, place) != place:
                    other, there = seen[record.record_id]
                    there = there if other == file.name else f"{other}, {there}"
                    raise BadRow(file, where, f"record_id {record.record_id!r} is also that of {there}")
                loaded.records.append(record)
            except BadRow as error:
                loaded.bad.append(error.of(None if by_column else split))
    return loaded


def _files(mapping: dict[str, Any], folder: Path, *, wants: Callable[[str], bool]) -> Iterator[tuple[Path, str]]:
    """The files to read, each with the split of its rows where no column tells it."""
    named = mapping["file"] if isinstance(mapping["file"], dict) else {mapping.get("split", "train"): mapping["file"]}
    for split, pattern in named.items():
        if not wants(split):
            continue
        found = sorted(folder.glob(pattern)) if "*" in pattern else [folder / pattern]
        if not found:
            raise DataError(f"no file of {folder} is called {pattern}")
        yield from ((file, split) for file in found)


def read_mapping(file: Path) -> dict[str, Any]:
    """A mapping file, checked. Raises DataError naming what is missing or unknown."""
    try:
        mapping = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"the mapping file {file} does not exist") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name} is no YAML: {error}") from error
    if not isinstance(mapping, dict):
        raise DataError(f"{file.name} must hold keys and values")
    _known(file, mapping, KEYS, "key")
    for name in ("name", "file", "columns"):
        if not mapping.get(name):
            raise DataError(f"{file.name} lacks {name}")
    columns = mapping["columns"]
    if not isinstance(columns, dict) or set(columns) != set(REQUIRED):
        raise DataError(f"{file.name}: columns must name exactly {', '.join(REQUIRED)}")
    mapping["optional_columns"] = mapping.get("optional_columns") or {}
    for key in ("optional_columns", "splits"):
        if not isinstance(mapping.get(key) or {}, dict):
            raise DataError(f"{file.name}: {key} must hold names and values")
    _known(file, mapping["optional_columns"], OPTIONAL, "optional column")
    files = mapping["file"] if isinstance(mapping["file"], dict) else {}
    if any(not isinstance(value, str) for value in (files.values() if files else [mapping["file"]])):
        raise DataError(f"{file.name}: file must be a name, or a name for each split")
    for name in (mapping.get("split", "train"), *files, *(mapping.get("splits") or {}).values()):
        if name not in SPLITS:
            raise DataError(f"{file.name}: split {name!r} is none of {', '.join(SPLITS)}")
    texts = [("name", mapping["name"]), *((key, mapping[key]) for key in ("images", "alternatives") if key in mapping)]
    texts += [(f"columns.{key}", value) for key, value in columns.items()]
    texts += [(f"optional_columns.{key}", value) for key, value in mapping["optional_columns"].items()]
    for key, value in texts:
        if not isinstance(value, str) or not value:
            raise DataError(f"{file.name}: {key} must be text, not {value!r}; put it into quotes")
    if not isinstance(mapping.get("may_leave_machine", False), bool):
        raise DataError(f"{file.name}: may_leave_machine must be true or false")
    return mapping


def _known(file: Path, given: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in given:
        if name not in known:
            raise DataError(f"{file.name}: {what} {name!r} is unknown; known are {', '.join(known)}")


def _rows(file: Path, mapping: dict[str, Any]) -> Iterator[tuple[int | str, dict[str, Any], ImageRef | None]]:
    columns = mapping["columns"]
    wanted = (*columns.values(), *mapping["optional_columns"].values())
    if file.suffix == ".parquet":
        texts = tuple(name for name in wanted if name != columns["image"])
        yield from hf_rows(file, texts, image=columns["image"])
    elif file.suffix == ".csv":
        yield from ((f"line {line}", values, None) for line, values in read_csv(file, wanted))
    elif file.suffix == ".json":
        yield from ((row, values, None) for row, values in enumerate(read_json_list(file)))
    elif file.suffix == ".jsonl":
        yield from ((f"line {line}", values, None) for line, values in _json_lines(file))
    else:
        raise DataError(f"{file.name}: the file must be .csv, .json, .jsonl or .parquet")


def _json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        lines = file.open("rb")
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    with lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                yield number, BadRow(file, f"line {number}", f"no JSON: {error}")


def _record(
    values: Any,
    image: Any,
    where: int | str,
    file: Path,
    split: str,
    mapping: dict[str, Any],
    index: dict[str, int],
    source: Source,
) -> Record:
    if not isinstance(values, dict):
        raise BadRow(file, where, f"a record must be a JSON object, not {type(values).__name__}")
    columns, optional = mapping["columns"], mapping["optional_columns"]
    facts = {name: optional_text(values, column, file, where) for name, column in optional.items()}
    called = facts.pop("split", None)
    split = split if called is None else (mapping.get("splits") or {}).get(called, called)
    if split not in SPLITS:
        raise BadRow(file, where, f"split {split!r} is none of {', '.join(SPLITS)}; say in `splits` what it means")
    index[split] = index.get(split, -1) + 1
    raw = field_text(values, columns["answer"], file, where)
    separator = mapping.get("alternatives")
    answers = tuple(part.strip() for part in raw.split(separator) if part.strip()) if separator else (raw,)
    if not answers:
        raise BadRow(file, where, "answer is empty")
    if image is None:
        name = field_text(values, columns["image"], file, where)
        image = FileImage(source.images or source.folder / mapping.get("images", "."), name)
    else:
        name = name_of(image, {})
    if facts.get("answer_type"):
        facts["answer_type"] = facts["answer_type"].upper()
    facts["language"] = facts.get("language") or "en"
    if facts.get("gold_reasoning") and not facts.get("gold_source"):
        facts["gold_source"] = mapping["name"]
    return Record(
        split=split,
        index=index[split],
        question=field_text(values, columns["question"], file, where),
        answers=answers,
        answer_raw=raw if answers != (raw,) else None,
        image=image,
        image_id=name,
        file=file.name,
        where=where,
        **facts,
    )


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["own", *sys.argv[1:]]))
