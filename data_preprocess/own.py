"""A user's own data: CSV, JSON, JSONL or parquet files, and a small mapping file on the meaning of the columns.

    python -m data_preprocess.own --source DIR --mapping mapping.yaml --out data/mine

EPILOG, which `--help` shows, explains the keys of a mapping.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data_preprocess.datasets import DatasetInfo, Source
from data_preprocess.source.choices import choices_of_record, right_choice
from data_preprocess.source.delimited import read_csv
from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.fields import field_text, optional_text
from data_preprocess.source.fillers import is_filler
from data_preprocess.source.image_refs import FileImage, InlineImage, digest
from data_preprocess.source.mapping import OPTIONAL, SPLITS, files_by_split, files_of, read_mapping
from data_preprocess.source.parquet_shards import NAMELESS, Shards
from data_preprocess.source.pictures import is_inline, named_pictures, safe_name
from data_preprocess.source.records import ImageRef, Loaded, Record, shown
from data_preprocess.source.text import clean
from data_preprocess.source.text_files import read_json_lines, read_json_list

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
EPILOG = f"""A mapping (examples/data/own_sample/mapping.yaml is a worked one; see data_preprocess/README.md, too):

    name: my-hospital                # verl's data_source
    file: questions.csv              # in --source: .csv, .tsv, .json (a list), .jsonl, .parquet; * too
    images: pictures                 # folder in --source; parquet files may hold their images themselves
    columns: {{question: Frage, answer: Antwort, image: Datei}}
    # from here on optional
    optional_columns: {{split: part, record_id: id, modality: device, organ: region, gold_reasoning: why}}
    split: train                     # of rows without a split column
    splits: {{training: train, dev: validation}}   # names in the split column
    columns: {{…, image: [current, prior]}}          # several images a row, in this order; the first is always there
    image_separator: ";"             # several file names in one cell; a list in a cell is several images, too
    alternatives: "#"                # separates alternative answers
    task: long                       # long answers in sentences, such as a report; default: short
    choices: [A, B, C, D]            # multiple choice: their columns, or one for all; answer: letter or text
    choice_separator: "|"            # where one text holds all choices
    delimiter: ";"                   # of a CSV file; default: a comma, in .tsv a tabulator
    encoding: latin-1                # of a CSV file; default: UTF-8, or as its byte order mark says
    licence: internal
    may_leave_machine: false         # default: false, because nobody else can know

Optional columns are {", ".join(OPTIONAL[:6])},
{", ".join(OPTIONAL[6:])}.

A data set of the Hugging Face hub is its downloaded folder, with a file name for each split:

    hf download --repo-type dataset OWNER/NAME --local-dir DIR
    file: {{train: data/train-*.parquet, test: data/test-*.parquet}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mapping", type=Path, required=True, metavar="FILE", help="the meaning of your columns (YAML)"
    )


def load(source: Source) -> Loaded:
    """Raises DataError for a mapping or a file that makes no sense, with the names that are known."""
    mapping = read_mapping(source.options["mapping"])
    loaded = Loaded(
        data_source=mapping["name"],
        licence=mapping.get("licence", INFO.licence),
        may_leave_machine=mapping.get("may_leave_machine", INFO.may_leave_machine),
    )
    loaded.files.append(source.options["mapping"])
    index: dict[str, int] = {}
    seen: dict[str, Any] = {}
    by_column = "split" in mapping["optional_columns"]
    files = [
        (file, split)
        for split in files_by_split(mapping)
        if by_column or source.wants(split)
        for file in files_of(mapping, source.folder, split)
    ]
    rows = _Rows(mapping, [file for file, _ in files], source)
    for file, split in files:
        loaded.files.append(file)
        for where, values, images in rows.of(file):
            try:
                if isinstance(values, BadRow):
                    raise values
                record = _record(values, images, where, file, split, mapping, index)
                place = (file.name, where)
                if record.record_id is not None and seen.setdefault(record.record_id, place) != place:
                    other, there = seen[record.record_id]
                    there = there if other == file.name else f"{other}, {there}"
                    raise BadRow(file, where, f"record_id {record.record_id!r} is also that of {there}")
                loaded.records.append(record)
            except BadRow as error:
                loaded.bad.append(error.of(None if by_column else split))
    return loaded


NamedImage = tuple[ImageRef, str]
Row = tuple[int | str, Any, tuple[NamedImage, ...]]
"""Where it stands, its values (BadRow: it cannot be used), its images with their names (none: the row is bad)."""


class _Rows:
    """Rows of files of every format."""

    def __init__(self, mapping: dict[str, Any], files: Sequence[Path], source: Source):
        self.mapping, self.columns = mapping, mapping["image_columns"]
        self.separator = mapping.get("image_separator")
        named = (*mapping["columns"].values(), *mapping["optional_columns"].values(), *mapping["choices"])
        self.texts = [name for name in named if name not in self.columns]
        self.folder = source.images or source.folder / mapping.get("images", ".")
        shards = [file for file in files if file.suffix.lower() == ".parquet"]
        folders = (self.folder, source.folder)
        self.shards = Shards(shards, self.texts, images=self.columns, folders=folders)

    def of(self, file: Path) -> Iterator[Row]:
        """Raises DataError for a file that cannot be read, or of a format that is not known."""
        suffix = file.suffix.lower()
        if suffix == ".parquet":
            yield from self.shards.rows(file)
            return
        if suffix in (".csv", ".tsv"):
            delimiter = self.mapping.get("delimiter", "," if suffix == ".csv" else "\t")
            encoding = self.mapping.get("encoding")
            lines = read_csv(file, (*self.texts, *self.columns), delimiter=delimiter, encoding=encoding)
            rows: Iterator[tuple[int | str, Any]] = ((f"line {line}", values) for line, values in lines)
        elif suffix == ".json":
            rows = enumerate(read_json_list(file))
        elif suffix == ".jsonl":
            rows = read_json_lines(file)
        else:
            hint = FORMAT_HINTS.get(suffix, "")
            raise DataError(f"{file.name}: the file must be .csv, .tsv, .json, .jsonl or .parquet{hint}")
        for where, values in rows:
            try:
                images = () if isinstance(values, BadRow) else self._images(values, file, where)
            except BadRow as error:
                values, images = error, ()
            yield where, values, images

    def _images(self, values: Any, file: Path, where: int | str) -> tuple[NamedImage, ...]:
        """The images that a record names, or holds as base64 text, in the order of the columns and of their cells.

        Further columns may be empty: not every study has a prior one.
        """
        if not isinstance(values, dict):
            raise BadRow(file, where, f"a record must be a JSON object, not {type(values).__name__}")
        found: list[NamedImage] = []
        for column in self.columns:
            cell = values.get(column)
            if column == self.columns[0] or not _is_empty(cell):
                found += self._of_cell(cell, column, file, where)
        return tuple(found)

    def _of_cell(self, cell: Any, column: str, file: Path, where: int | str) -> Iterator[NamedImage]:
        if isinstance(cell, str) and self.separator and not is_inline(cell):
            cell = cell.strip().removesuffix(self.separator).split(self.separator)
        if not isinstance(cell, (list, dict)) and not (isinstance(cell, str) and is_inline(cell)):
            cell = [field_text({column: cell}, column, file, where)]
        try:
            pictures = named_pictures(cell)
        except ValueError as error:
            raise BadRow(file, where, f"{column} holds {error}") from error
        if not pictures:
            raise BadRow(file, where, f"{column} holds no image bytes")
        for picture, path in pictures:
            if isinstance(picture, bytes):
                name = safe_name(path) or f"{NAMELESS}{digest(picture)[:16]}"
                yield InlineImage(name, picture), name
            else:
                name = field_text({column: picture}, column, file, where)
                yield FileImage(self.folder, name), name


def _is_empty(cell: Any) -> bool:
    return not cell or (isinstance(cell, str) and is_filler(cell))


FORMAT_HINTS = {
    ".xlsx": "; save the sheet as CSV",
    ".xls": "; save the sheet as CSV",
    ".arrow": "; write it as parquet (datasets.Dataset.to_parquet)",
    ".zip": "; unzip it first",
    ".gz": "; unpack it first",
}


def _record(
    values: Any, images: tuple[NamedImage, ...], where: int | str, file: Path, split: str, mapping: dict[str, Any],
    index: dict[str, int],
) -> Record:  # fmt: skip
    columns, optional = mapping["columns"], mapping["optional_columns"]
    facts = {name: optional_text(values, column, file, where) for name, column in optional.items()}
    called = facts.pop("split", None)
    split = split if called is None else (mapping.get("splits") or {}).get(called, called)
    if split not in SPLITS:
        raise BadRow(file, where, f"split {split!r} is not one of {', '.join(SPLITS)}; map it to a split in `splits`")
    index[split] = index.get(split, -1) + 1
    raw = field_text(values, columns["answer"], file, where)
    separator = mapping.get("alternatives")
    answers = tuple(filter(None, map(clean, raw.split(separator)))) if separator else (raw,)
    if not answers:
        raise BadRow(file, where, "answer is empty")
    if choices := choices_of_record(values, mapping, file, where):
        answers = (right_choice(raw, choices, file, where),)
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
        file=file.name,
        where=where,
        choices=choices,
        task=mapping["task"],
        **shown(images),
        **facts,
    )


if __name__ == "__main__":
    from data_preprocess.command.dataset import main

    sys.exit(main(["own", *sys.argv[1:]]))
