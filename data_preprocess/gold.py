"""Gold reasoning from a file of its own, joined to the rows by (image, question, answer).

Two formats are read. Lines of this project: `{"image_name", "question", "answer", "reasoning", "source"}`. MedThink's
files (R-RAD, R-SLAKE, R-PathVQA): one JSON object of records `{"question", "choices", "answer": index, "solution",
"image" or "img_name"}`, as its repository's readers use them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_preprocess.errors import BadRow, DataError
from data_preprocess.records import Record
from data_preprocess.text import clean, join_key

Key = tuple[str, str, str]
MEDTHINK = "MedThink"


@dataclass
class JoinReport:
    """How a join went. Ambiguous rows are matched too: they found several different texts and got the first one."""

    matched: list[Record] = field(default_factory=list)
    unmatched: list[Record] = field(default_factory=list)
    ambiguous: list[Record] = field(default_factory=list)

    def summary(self) -> dict[str, int]:
        return {
            "matched": len(self.matched),
            "unmatched": len(self.unmatched),
            "ambiguous": len(self.ambiguous),
        }

    def lines(self) -> Iterator[str]:
        """One line per row that is unmatched or ambiguous, for `--list-joins`."""
        for kind, records in (("unmatched", self.unmatched), ("ambiguous", self.ambiguous)):
            for record in records:
                yield f"{kind}\t{record.split}\t{record.image_id}\t{record.question}\t{record.answer}"


class GoldReasoning:
    """Gold reasoning by key; several different texts may stand under one key, in the order of the files."""

    def __init__(self) -> None:
        self.texts: dict[Key, list[tuple[str, str]]] = {}
        self._used: set[Key] = set()

    def add(self, key: Key, text: str, source: str) -> None:
        entries = self.texts.setdefault(key, [])
        if text not in (known for known, _ in entries):
            entries.append((text, source))

    @classmethod
    def read(cls, files: Iterable[Path]) -> GoldReasoning:
        """Raises DataError or BadRow for a file that is neither of the two formats."""
        gold = cls()
        for file in files:
            if not file.is_file():
                raise DataError(f"the gold reasoning file {file} does not exist")
            for key, text, source in _read(file):
                gold.add(key, text, source)
        return gold

    def join(self, records: Iterable[Record]) -> tuple[list[Record], JoinReport]:
        """The records with their gold reasoning; a record that has one of its own keeps it."""
        report, out = JoinReport(), []
        for record in records:
            key = join_key(record.image_id, record.question, record.answer)
            entries = self.texts.get(key, [])
            if record.gold_reasoning is not None or not entries:
                (report.unmatched if record.gold_reasoning is None else report.matched).append(record)
                out.append(record)
                continue
            self._used.add(key)
            text, source = entries[0]
            record = replace(record, gold_reasoning=text, gold_source=source)
            report.matched.append(record)
            if len(entries) > 1:
                report.ambiguous.append(record)
            out.append(record)
        return out, report

    def unused(self) -> int:
        """Gold texts that no row has asked for so far."""
        return sum(len(entries) for key, entries in self.texts.items() if key not in self._used)


def _read(file: Path) -> Iterator[tuple[Key, str, str]]:
    if file.suffix == ".jsonl":
        yield from _read_lines(file)
        return
    try:
        text = file.read_text(encoding="utf-8-sig")
        if text.startswith("version https://git-lfs"):
            raise DataError(f"{file.name} is a Git-LFS pointer, not the file itself; fetch it with `git lfs pull`")
        content = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{file.name} is no JSON: {error}") from error
    if isinstance(content, list):
        content = dict(enumerate(content))
    if not isinstance(content, dict):
        raise DataError(f"{file.name} must hold a JSON object of records (MedThink) or a list of them")
    for name, record in content.items():
        yield _medthink(record, file, f"record {name}")


def _read_lines(file: Path) -> Iterator[tuple[Key, str, str]]:
    with file.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise BadRow(file, f"line {number}", f"no JSON: {error}") from error
            values = {}
            for name in ("image_name", "question", "answer", "reasoning"):
                values[name] = _text(record, name, file, f"line {number}")
            key = join_key(values["image_name"], values["question"], values["answer"])
            yield key, values["reasoning"], clean(record.get("source")) or file.name


def _medthink(record: Any, file: Path, where: str) -> tuple[Key, str, str]:
    image = "img_name" if isinstance(record, dict) and record.get("img_name") else "image"
    values = {name: _text(record, name, file, where) for name in (image, "question", "solution")}
    answer, choices = record.get("answer"), record.get("choices")
    if isinstance(answer, int) and isinstance(choices, list):
        if not 0 <= answer < len(choices):
            raise BadRow(file, where, f"answer {answer} is no index of its {len(choices)} choices")
        answer = choices[answer]
    try:
        answer = clean(answer)
    except TypeError as error:
        raise BadRow(file, where, f"answer: {error}") from error
    if answer is None:
        raise BadRow(file, where, "the answer is empty")
    return join_key(values[image], values["question"], answer), values["solution"], MEDTHINK


def _text(record: Any, name: str, file: Path, where: str) -> str:
    if not isinstance(record, dict) or name not in record:
        raise BadRow(file, where, f"no field {name}")
    try:
        text = clean(record[name])
    except TypeError as error:
        raise BadRow(file, where, f"{name}: {error}") from error
    if text is None:
        raise BadRow(file, where, f"{name} is empty")
    return text
