"""A record: one question as a loader read it, before its image is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from data_preprocess.source.errors import BadRow
from data_preprocess.source.text import BETWEEN_NAMES, is_yes_no

SHORT, LONG, CHOICE = "short", "long", "choice"
TASKS = (SHORT, LONG, CHOICE)


class ImageRef(Protocol):
    """Where an image's original bytes are; nothing is read before `load`."""

    name: str

    def load(self, max_bytes: int) -> bytes:
        """The bytes as they are stored. Raises OSError or ValueError with the reason if there are none or too many."""
        ...

    def stamp(self) -> tuple[object, ...]:
        """Tells these bytes from others without reading them (name, size, time of change); equal in every run."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One question about its images. Text is cleaned (`text.clean`); None means that the source does not say."""

    split: str
    index: int
    """Position in the official split of the source, from 0, before anything is filtered."""
    question: str
    answers: tuple[str, ...]
    """Reference answers, all of them right; the first is the one that rewards and tables use."""
    image: ImageRef
    image_id: str
    """Name of the image in the source, of several images their names (`shown`); with question and answer the key of
    joins."""
    file: str
    """File the record was read from, for messages."""
    where: int | str
    record_id: str | None = None
    answer_raw: str | None = None
    """The source's answer field where alternatives or optional parts were taken out of it."""
    answer_type: str | None = None
    open_by_type: bool = False
    """The source's answer type, not the answer's text, says whether the question is open."""
    question_type: str | None = None
    modality: str | None = None
    organ: str | None = None
    language: str = "en"
    context: str | None = None
    """Further knowledge of the source (SLAKE's triple, a caption); not shown to the model."""
    gold_reasoning: str | None = None
    gold_source: str | None = None
    """Author of the gold reasoning."""
    rule_reasoning: str | None = None
    rule_source: str | None = None
    """Reasoning made by rule, and by which: taken where the join finds none."""
    more_images: tuple[ImageRef, ...] = ()
    """Further images, which are shown after `image` in this order."""
    image_names: tuple[str, ...] = ()
    """The name of each image where there are several."""
    choices: tuple[str, ...] = ()
    """Multiple choice: the texts of the choices, which the prompt shows with letters; one of them is `answer`."""
    task: str = SHORT
    """What the prompt asks for: a short answer, a long one, or one of the choices."""

    def __post_init__(self):
        if self.more_images and len(self.image_names) != 1 + len(self.more_images):
            raise ValueError("a record with more_images needs image_names, one name for each of its images")

    @property
    def images(self) -> tuple[tuple[ImageRef, str], ...]:
        """Every image with its name, in order."""
        refs = (self.image, *self.more_images)
        return tuple(zip(refs, self.image_names or (self.image_id,), strict=True))

    @property
    def answer(self) -> str:
        return self.answers[0]

    @property
    def is_open(self) -> bool:
        """By the answer, as the study does; by the source's answer type in other languages than English."""
        if (self.open_by_type or self.language != "en") and self.answer_type is not None:
            return self.answer_type == "OPEN"
        return not is_yes_no(self.answer)

    def bad(self, reason: str) -> BadRow:
        return BadRow(self.file, self.where, reason, self.split)


def shown(images: Sequence[tuple[ImageRef, str]]) -> dict[str, Any]:
    """Fields of a record that shows these images, each with its name, in this order."""
    refs, names = zip(*images, strict=True)
    fields = {"image": refs[0], "image_id": BETWEEN_NAMES.join(names), "more_images": refs[1:]}
    return fields | {"image_names": names if len(names) > 1 else ()}


@dataclass
class Loaded:
    """The result of a loader: records in official order, and the rows that cannot be used."""

    records: list[Record] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Facts for the reader of the card: the layout, the rows that the loader left out and why. Printed, too."""
    files: list[Path] = field(default_factory=list)
    """Their hashes go into the card."""
    data_source: str | None = None
    licence: str | None = None
    may_leave_machine: bool | None = None
    """Set only for user data; for known data sets these three come from DatasetInfo."""

    def splits(self) -> Iterator[str]:
        yield from dict.fromkeys(record.split for record in self.records)
