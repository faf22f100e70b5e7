"""Gold reasoning from a separate file, joined to the rows by (image, question, answer).

Two formats are read. Lines of this project: `{"image_name", "question", "answer", "reasoning", "source"}`. MedThink's
files (R-RAD, R-SLAKE, R-PathVQA): one JSON object of records `{"question", "choices", "answer": index, "solution",
"image" or "img_name"}`, as its repository's readers use them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_preprocess.source.errors import BadRow, DataError
from data_preprocess.source.fields import field_text, optional_text
from data_preprocess.source.records import Record
from data_preprocess.source.text import image_key, join_key
from data_preprocess.source.text_files import read_json, read_json_lines

Key = tuple[str, str, str]
MEDTHINK = "MedThink"
FIELDS = ("image_name", "question", "answer", "reasoning")
"""Fields of a line in this project's format."""


@dataclass
class JoinReport:
    """How a join went.

    Ambiguous rows found several different texts and got the first one (they are matched too), or several images of the
    dataset have the file name that the text names, in different folders (then they got none).
    """

    matched: list[Record] = field(default_factory=list)
    unmatched: list[Record] = field(default_factory=list)
    ambiguous: list[Record] = field(default_factory=list)
    by_rule: list[Record] = field(default_factory=list)
    """Unmatched rows that got the reasoning which the loader made by rule."""

    def summary(self) -> dict[str, int]:
        by_rule = {"by rule": len(self.by_rule)} if self.by_rule else {}
        return {
            "matched": len(self.matched),
            "unmatched": len(self.unmatched),
            "ambiguous": len(self.ambiguous),
        } | by_rule

    def lines(self) -> Iterator[str]:
        """One line per row that is unmatched or ambiguous, for `--list-joins`."""
        for kind, records in (("unmatched", self.unmatched), ("ambiguous", self.ambiguous)):
            for record in records:
                yield f"{kind}\t{record.split}\t{record.image_id}\t{record.question}\t{record.answer}"


class GoldReasoning:
    """Gold reasoning by key; several different texts may stand under one key, in the order of the files."""

    def __init__(self) -> None:
        self.texts: dict[Key, list[tuple[str, str, str]]] = {}
        """Text, source, and the image's name as the file gives it."""
        self._used: set[Key] = set()

    def add(self, image: str, question: str, answer: str, text: str, source: str) -> None:
        entries = self.texts.setdefault(join_key(image, question, answer), [])
        if (text, image) not in ((known, name) for known, _, name in entries):
            entries.append((text, source, image))

    @classmethod
    def read(cls, files: Iterable[Path]) -> GoldReasoning:
        """Raises DataError or BadRow for a file that is neither of the two formats."""
        gold = cls()
        for file in files:
            if not file.is_file():
                raise DataError(f"the gold reasoning file {file} does not exist")
            for entry in _read(file):
                gold.add(*entry)
        return gold

    def join(self, records: Iterable[Record], *, shared: Collection[str]) -> tuple[list[Record], JoinReport]:
        """The records with their gold reasoning; a record that already has one keeps it.

        A text belongs to the image of the same whole name, or to the one of the same file name, unless that name is
        one of `shared`, those that several images of the dataset have (`shared_names`).
        """
        report, out = JoinReport(), []
        for record in records:
            key = join_key(record.image_id, record.question, record.answer)
            entries = self.texts.get(key, [])
            exact = [entry for entry in entries if entry[2] == record.image_id]
            if record.gold_reasoning is not None:
                report.matched.append(record)
            elif exact or (entries and key[0] not in shared):
                self._used.add(key)
                texts = list(dict.fromkeys((text, source) for text, source, _ in exact or entries))
                record = replace(record, gold_reasoning=texts[0][0], gold_source=texts[0][1])
                report.matched.append(record)
                if len({text for text, _ in texts}) > 1:
                    report.ambiguous.append(record)
            else:
                if record.rule_reasoning is not None:
                    record = replace(record, gold_reasoning=record.rule_reasoning, gold_source=record.rule_source)
                    report.by_rule.append(record)
                report.unmatched.append(record)
                if entries:
                    report.ambiguous.append(record)
            out.append(record)
        return out, report

    def unused(self) -> int:
        """Gold texts that no row has asked for so far."""
        return sum(len(entries) for key, entries in self.texts.items() if key not in self._used)


def shared_names(records: Iterable[Record]) -> frozenset[str]:
    """File names (`text.image_key`) that stand for more than one image of the records."""
    images: dict[str, set[str]] = {}
    for record in records:
        images.setdefault(image_key(record.image_id), set()).add(record.image_id)
    return frozenset(name for name, different in images.items() if len(different) > 1)


Entry = tuple[str, str, str, str, str]
"""Image, question, answer, reasoning, source."""


def _read(file: Path) -> Iterator[Entry]:
    if file.suffix.lower() == ".jsonl":
        for where, record in read_json_lines(file):
            if isinstance(record, BadRow):
                raise record
            image, question, answer, text = (_text(record, name, file, where) for name in FIELDS)
            yield image, question, answer, text, optional_text(record, "source", file, where) or file.name
        return
    content = read_json(file)
    if isinstance(content, list):
        content = dict(enumerate(content))
    if not isinstance(content, dict):
        raise DataError(f"{file.name} must hold a JSON object of records (MedThink) or a list of them")
    for name, record in content.items():
        yield _medthink(record, file, f"record {name}")


def _medthink(record: Any, file: Path, where: str) -> Entry:
    image = "img_name" if isinstance(record, dict) and record.get("img_name") else "image"
    values = {name: _text(record, name, file, where) for name in (image, "question", "solution")}
    answer, choices = record.get("answer"), record.get("choices")
    if isinstance(answer, int) and isinstance(choices, list):
        if not 0 <= answer < len(choices):
            raise BadRow(file, where, f"answer {answer} is not an index of its {len(choices)} choices")
        answer = choices[answer]
    answer = field_text({"answer": answer}, "answer", file, where)
    return values[image], values["question"], answer, values["solution"], MEDTHINK


def _text(record: Any, name: str, file: Path, where: str) -> str:
    if not isinstance(record, dict) or name not in record:
        raise BadRow(file, where, f"no field {name}")
    return field_text(record, name, file, where)
