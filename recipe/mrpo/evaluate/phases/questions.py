"""The questions of data files: each with its id and the hashes of its input; images stay in the files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.endpoint.prompt_images import Images
from recipe.mrpo.evaluate.ids import question_id
from recipe.mrpo.scoring.row import BadRow, Row, read_extra_info, read_row
from recipe.mrpo.startup.data_files import DataFile, data_files

ABOUT = ("answer_type", "question_type", "modality", "organ", "language")
PLACES = {"patient": ("patient", "patient_id", "subject_id"), "study": ("study", "study_id")}
"""Fields of extra_info that say which patient and which study an image belongs to."""
GROUPS_KEPT = 4
"""Row groups of parquet files that are held in memory."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of the data. `number` counts all rows of all files from 0, as verl's data set does."""

    number: int
    id: str
    case: Mapping[str, Any]
    images: tuple[str, ...]
    """SHA-256 of each image, in the order of the prompt."""
    image_problem: str | None
    prompt_hash: str
    private: bool | None
    """May it not leave this machine? None: its flag is unclear."""
    fault: str | None
    """Why the row cannot be scored; None: it can."""


class Questions:
    """All questions of some files, and the whole row of each on demand.

    Raises ValueError for two rows with one id, OptionError for files that cannot be read.
    """

    def __init__(self, files: Sequence[str], data: DictConfig, *, limit: int = 0) -> None:
        self._keys = {name: str(data.get(f"{name}_key") or default) for name, default in
                      (("prompt", "prompt"), ("image", "images"))}  # fmt: skip
        self.columns = [self._keys["prompt"], self._keys["image"], "data_source", "reward_model", "extra_info"]
        node = OmegaConf.create({"val_files": [str(file) for file in files], "cache_dir": data.get("cache_dir")})
        self._files: list[DataFile] = list(data_files(node, "val_files"))
        self._starts: list[int] = []
        self._reading = threading.Lock()  # rows are asked for in threads
        self._groups: OrderedDict[tuple[int, int], list[dict[str, Any]]] = OrderedDict()
        self.all: list[Question] = []
        seen: dict[str, int] = {}
        for place, file in enumerate(self._files):
            self._starts.append(len(self.all))
            if self.columns[0] not in file.schema.names:
                raise ValueError(f"{file.name} has no column {self.columns[0]}; make it with `mrpo data`.")
            for row in file.rows(self.columns):
                if limit and len(self.all) >= limit:
                    return
                question = self._question(len(self.all), row)
                if question.id in seen:
                    raise ValueError(
                        f"rows {seen[question.id]} and {question.number} of the data ({self._files[place].name}) have "
                        f"the same data_source, split and extra_info.index ({question.case['data_source']}/"
                        f"{question.case['split']}/{question.case['index']}); give each question its own index."
                    )
                seen[question.id] = question.number
                self.all.append(question)

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.all)

    @property
    def most_images(self) -> int:
        """Images of the question with most of them."""
        return max((len(question.images) for question in self.all), default=0)

    def _question(self, number: int, row: Mapping[str, Any]) -> Question:
        images = Images.of_row(row.get(self._keys["image"]))
        case, fault, private = _case(row)
        prompt = json.dumps(row.get(self._keys["prompt"]), sort_keys=True, default=str)
        return Question(
            number=number,
            id=question_id(case),
            case=case,
            images=tuple(hashlib.sha256(data).hexdigest() for data, _ in images.read),
            image_problem=images.problem,
            prompt_hash=hashlib.sha256(prompt.encode()).hexdigest()[:16],
            private=private,
            fault=fault,
        )

    def row(self, number: int) -> dict[str, Any]:
        """The whole row of a question, images included; "prompt" and "images" whatever the columns are called."""
        place = max(index for index, start in enumerate(self._starts) if start <= number)
        with self._reading:
            row = dict(self._row_at(place, number - self._starts[place]))
        return {**row, "prompt": row.get(self._keys["prompt"]), "images": row.get(self._keys["image"])}

    def _row_at(self, place: int, at: int) -> dict[str, Any]:
        source = self._files[place].source
        if not isinstance(source, pq.ParquetFile):
            return source[at]
        group = 0
        while at >= (rows := source.metadata.row_group(group).num_rows):
            at -= rows
            group += 1
        key = place, group
        if key not in self._groups:
            have = [name for name in self.columns if name in source.schema_arrow.names]
            self._groups[key] = source.read_row_group(group, columns=have).to_pylist()
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key][at]


def _case(row: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, bool | None]:
    """What the question is about, why it cannot be scored, and whether it may not leave this machine."""
    read = read_row(row)
    if isinstance(read, BadRow):
        try:
            info = read_extra_info(row.get("extra_info"), row="a row")
        except BadRow:
            info = {}
        case = Row(extra_info=info, data_source=str(row.get("data_source") or "")).case()
        return case, str(read), None
    try:
        private: bool | None = not read.may_leave_machine()
    except BadRow:
        private = None
    info = read.extra_info
    about = {name: _text(info.get(name)) for name in ABOUT}
    for name, fields in PLACES.items():
        about[name] = next((found for f in fields if (found := _text(info.get(f)))), None)
    return {**read.case(), **{name: value for name, value in about.items() if value}}, None, private


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int)) and str(value).strip() else None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
