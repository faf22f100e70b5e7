"""One row of the data as scoring reads it: gold answers, gold reasoning, question. One reading for start-up and run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe.mrpo.endpoint.privacy import may_leave_machine
from reward_fns.gold_answers import golds_of

ATTRIBUTES = (
    "answer_type", "question_type", "modality", "organ", "language", "image_sha256", "patient", "study",
)  # fmt: skip
"""Fields of extra_info by which results are told apart, or by which rows hang together (image, patient, study)."""


class BadRow(ValueError):
    """A row that cannot be scored as it stands; the message names the row and the column."""


@dataclass(frozen=True)
class Row:
    """The columns of a rollout's row that scoring reads."""

    gold: tuple[str, ...] = ()
    """All right answers, the first one first."""
    gold_reasoning: str = ""
    question: str = ""
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    data_source: str = ""

    @classmethod
    def of(cls, ground_truth: Any, extra_info: Any, *, data_source: Any = "") -> Row:
        """The row of verl's columns reward_model.ground_truth, extra_info and data_source.

        `extra_info` may be a mapping or JSON text of one; texts in it may be lists of texts, which are joined by line
        breaks; None and nan (an empty cell of a table) mean that there is no text. Raises BadRow for anything else.
        """
        source = "" if _is_nothing(data_source) else str(data_source)
        info = read_extra_info(extra_info, row=f"a row of {source or 'the data'}")
        name = row_name(source, info)
        try:
            gold = () if _is_nothing(ground_truth) else golds_of(ground_truth, info)
        except TypeError as error:
            raise BadRow(f"{name}: {error}") from error
        if not any(answer.strip() for answer in gold):
            raise BadRow(f"{name} has no gold answer in reward_model.ground_truth")
        return cls(
            gold=gold,
            gold_reasoning=text_of(info.get("gold_reasoning"), f"extra_info.gold_reasoning of {name}"),
            question=text_of(info.get("question"), f"extra_info.question of {name}"),
            extra_info=info,
            data_source=source,
        )

    @property
    def name(self) -> str:
        """The row in words, for messages."""
        return row_name(self.data_source, self.extra_info)

    def may_leave_machine(self) -> bool:
        """May the row be sent to a judge elsewhere? Raises BadRow for a flag that is neither true nor false."""
        try:
            return may_leave_machine(self.extra_info, row=self.name)
        except ValueError as error:
            raise BadRow(str(error)) from error

    def case(self) -> dict[str, Any]:
        """The part of the row that a record holds; of the attributes those that are known."""
        info = self.extra_info
        given = {name: info[name] for name in ATTRIBUTES if name in info}
        known = {name: str(value) for name, value in given.items() if type(value) in (str, int) and value != ""}
        return {
            "question": self.question,
            "gold": list(self.gold),
            "gold_reasoning": self.gold_reasoning,
            "image_id": str(info.get("image_id") or ""),
            "data_source": self.data_source,
            "split": str(info.get("split") or ""),
            "index": str(info.get("index", "")),
            **known,
        }


def row_name(data_source: str, extra_info: Mapping[str, Any]) -> str:
    return f"row {data_source}/{extra_info.get('split') or ''}/{extra_info.get('index', '')} of the data"


def read_row(columns: Mapping[str, Any]) -> Row | BadRow:
    """The row of verl's columns, or its fault."""
    model = columns.get("reward_model")
    gold = model.get("ground_truth") if isinstance(model, Mapping) else None
    try:
        return Row.of(gold, columns.get("extra_info"), data_source=columns.get("data_source"))
    except BadRow as error:
        return error


def prompt_id(columns: Mapping[str, Any]) -> str:
    """A name of the prompt of a row, the same whenever the row comes again.

    Made of the row's number in its data; without one, of its question, image and gold answer. A row that cannot be
    read has a name as well.
    """
    try:
        info = read_extra_info(columns.get("extra_info"), row="a row")
    except BadRow:
        info = {}
    place = [str(columns.get("data_source") or ""), str(info.get("split") or "")]
    number = info.get("index")
    if number is None or number == "":
        model = columns.get("reward_model")
        gold = model.get("ground_truth") if isinstance(model, Mapping) else None
        rest = [info.get("question") or _asked(columns.get("raw_prompt")), info.get("image_id"), gold]
        return json.dumps([*place, *map(str, rest)])
    return json.dumps([*place, str(number)])


def _asked(messages: Any) -> str:
    """The texts of chat messages; images have none."""
    texts: list[str] = []
    for message in messages if isinstance(messages, Iterable) and not isinstance(messages, (str, Mapping)) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        parts = [content] if isinstance(content, str) else content if isinstance(content, Iterable) else ()
        texts += [part if isinstance(part, str) else str(part.get("text") or "") for part in parts
                  if isinstance(part, (str, Mapping))]  # fmt: skip
    return "\n".join(filter(None, texts))


def read_extra_info(value: Any, *, row: str) -> dict[str, Any]:
    """The column extra_info of a row as a mapping. Raises BadRow naming `row` for anything else."""
    if _is_nothing(value):
        return {}
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadRow(f"extra_info of {row} is text but not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise BadRow(f"extra_info of {row} must be a struct (or JSON text of an object), not {type(value).__name__}")
    return dict(value)


def text_of(value: Any, name: str) -> str:
    """A text of a row, or a list of texts joined by line breaks. Raises BadRow naming `name` for anything else."""
    if _is_nothing(value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)) and getattr(value, "ndim", 1) == 1:
        parts = [part for part in value if not _is_nothing(part)]
        if all(isinstance(part, str) for part in parts):
            return "\n".join(part for part in parts if part.strip())
    raise BadRow(f"{name} must be a text or a list of texts, not {type(value).__name__}")


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)
